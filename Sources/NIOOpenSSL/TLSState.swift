// rtbridge: what a TLS connection may do next.
// SPDX-License-Identifier: Apache-2.0

/// Where a connection stands, and what follows from what happens to it. Does no I/O.
///
/// ```
/// idle ──start──▶ handshaking ──complete──▶ open ──close──▶ closing ──▶ closed
///   └───────────────────┴──────────error, transport gone──────────────────▲
/// ```
/// While `open` each direction ends by itself: a close_notify ends the direction it is sent in and no other
/// (RFC 8446 §6.1: "Each party MUST send a "close_notify" alert before closing its write side of the connection").
struct TLSState {
    enum Phase: Equatable {
        /// The channel is not active yet.
        case idle
        case handshaking
        case open
        /// close_notify is on its way out; the transport is closed behind it.
        case closing
        case closed
    }

    private(set) var phase = Phase.idle
    /// Whether plaintext may still come: neither close_notify nor the transport's end was seen.
    private(set) var isInputOpen = true
    /// Whether plaintext may still be written: close_notify was not sent, nor asked for.
    private(set) var isOutputOpen = true
    /// Whether `close(.output)` waits for the handshake, or for OpenSSL to be able to write.
    private(set) var isCloseNotifyDue = false

    /// Whether plaintext is handed to the owner.
    var isDelivering: Bool { phase == .open && isInputOpen }
    /// Whether the transport's bytes are of use.
    var isReceiving: Bool { phase == .handshaking || isDelivering }
    /// Whether a write may be queued.
    var isWritable: Bool {
        switch phase {
        case .idle, .handshaking, .open: isOutputOpen
        case .closing, .closed: false
        }
    }
    /// Whether what is queued may be sealed now.
    var isSealing: Bool { phase == .open && (isOutputOpen || isCloseNotifyDue) }

    // MARK: Events

    /// - Returns: whether the handshake begins now.
    mutating func start() -> Bool {
        guard phase == .idle else { return false }
        phase = .handshaking
        return true
    }

    mutating func handshakeCompleted() {
        precondition(phase == .handshaking, "a handshake completed in phase \(phase)")
        phase = .open
    }

    /// - Returns: whether this is news to the owner.
    mutating func closeNotifyReceived() -> Bool {
        guard phase == .open, isInputOpen else { return false }
        isInputOpen = false
        return true
    }

    enum OnTransportEnded: Equatable { case nothing, handshakeCut, truncated }

    /// Nothing more will come from the transport.
    mutating func transportEnded() -> OnTransportEnded {
        defer { isInputOpen = false }
        switch phase {
        case .handshaking: return .handshakeCut
        case .open: return isInputOpen ? .truncated : .nothing
        case .idle, .closing, .closed: return .nothing
        }
    }

    /// Nothing more can be done.
    /// - Returns: whether that is new.
    @discardableResult
    mutating func end() -> Bool {
        defer { phase = .closed }
        return phase != .closed
    }

    // MARK: The owner's wishes

    enum OnCloseOutput: Equatable { case sendCloseNotify, wait, alreadyClosed }

    mutating func closeOutput() -> OnCloseOutput {
        guard isWritable else { return .alreadyClosed }
        isOutputOpen = false
        isCloseNotifyDue = true
        return phase == .open ? .sendCloseNotify : .wait
    }

    /// The close_notify that was due was sent.
    mutating func closeNotifySent() { isCloseNotifyDue = false }

    enum OnClose: Equatable {
        /// Send what is queued and close_notify, then close the transport.
        case sendCloseNotify
        /// Close the transport when what was sent is out.
        case drain
        /// Close the transport now.
        case closeTransport
    }

    mutating func close() -> OnClose {
        switch phase {
        case .open:
            phase = .closing
            return isOutputOpen || isCloseNotifyDue ? .sendCloseNotify : .drain
        case .idle, .handshaking, .closing, .closed:
            phase = .closed
            return .closeTransport
        }
    }
}
