// rtbridge: what an exchange does next, as a value without I/O.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import NIOCore

/// The state of an ``Exchange``.
///
/// ```
/// idle ──opened──▶ opening ──backReady──▶ open ──(both ended | back ended for good | failed)──▶ closed
///                     └─────────────────────failed─────────────────────────────────────────────────▶
/// ```
/// While opening, the client's bytes are held; the front leg's own bound (a window, or a pause of reading) limits
/// them, because nothing is said to be taken before the back-end is there.
struct ExchangeState {
    enum Phase: Equatable { case idle, opening, open, closed }

    enum OnFrontBody: Equatable { case forward, hold, drop }
    enum OnFrontEnded: Equatable { case forward, hold, forwardAndClose, ignore }
    enum OnFrontClosed: Equatable { case finishAndDetach, detach, cancel, ignore }
    enum OnBackReady: Equatable { case deliverHeld, ignore }
    enum OnBackEnded: Equatable { case finishFront, finishFrontAndClose, ignore }

    private(set) var phase = Phase.idle
    private(set) var hasFrontEnded = false
    private(set) var hasBackEnded = false

    mutating func opened() {
        precondition(phase == .idle, "ExchangeState.opened in \(phase)")
        phase = .opening
    }

    mutating func frontBody() -> OnFrontBody {
        guard !hasFrontEnded else { return .drop }
        switch phase {
        case .open: return .forward
        case .idle, .opening: return .hold
        case .closed: return .drop
        }
    }

    mutating func frontEnded() -> OnFrontEnded {
        guard !hasFrontEnded else { return .ignore }
        switch phase {
        case .idle, .opening:
            hasFrontEnded = true
            return .hold
        case .open:
            hasFrontEnded = true
            guard hasBackEnded else { return .forward }
            phase = .closed
            return .forwardAndClose
        case .closed: return .ignore
        }
    }

    /// The client is gone for good, after its last byte.
    mutating func frontClosed() -> OnFrontClosed {
        switch phase {
        case .idle, .opening:
            phase = .closed
            return .cancel
        case .open:
            phase = .closed
            return hasFrontEnded ? .detach : .finishAndDetach
        case .closed: return .ignore
        }
    }

    mutating func backReady() -> OnBackReady {
        switch phase {
        case .opening:
            phase = .open
            return .deliverHeld
        case .idle, .open, .closed: return .ignore
        }
    }

    /// - Parameter staysOpen: whether the client may go on sending (a half-close).
    mutating func backEnded(staysOpen: Bool) -> OnBackEnded {
        guard !hasBackEnded else { return .ignore }
        switch phase {
        case .open:
            hasBackEnded = true
            if staysOpen, !hasFrontEnded { return .finishFront }
            phase = .closed
            return .finishFrontAndClose
        case .idle, .opening, .closed: return .ignore
        }
    }

    /// - Returns: whether the exchange was still alive.
    mutating func closed() -> Bool {
        defer { phase = .closed }
        return phase != .closed
    }
}
