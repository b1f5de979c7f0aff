// rtbridge: what an exchange does next, as a value without I/O.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import NIOCore

/// The state of an ``Exchange``.
///
/// ```
/// idle ──opened──▶ opening ──backReady──▶ open ──(both ended | back ended for good | failed)──▶ closed
///                   ↺  └───────────────────failed──────────────────────────────────────────────────▶
///             reconnects                 reconnects ▼   ▲ backReady                                │
///                                             reconnecting ──────(failed | client gone)────────────▶
/// ```
/// While opening, the client's bytes are held; the front leg's own bound (a window, or a pause of reading) limits
/// them, because nothing is said to be taken before the back-end is there. While reconnecting they are held by messages
/// and bounded by the route, because the client is still to be heard (``HeldMessages``).
struct ExchangeState {
    enum Phase: Equatable { case idle, opening, open, reconnecting, closed }

    enum OnFrontBody: Equatable { case forward, hold, holdBounded, drop }
    enum OnFrontEnded: Equatable { case forward, hold, forwardAndClose, ignore }
    enum OnFrontClosed: Equatable { case finishAndDetach, detach, outlive, cancel, ignore }
    enum OnBackReady: Equatable { case deliverHeld, ignore }
    enum OnBackEnded: Equatable { case finishFront, finishFrontAndClose, ignore }

    private(set) var phase = Phase.idle
    private(set) var hasFrontEnded = false
    private(set) var hasBackEnded = false
    /// The rest of the message that is coming in goes nowhere: its beginning went to a session that is no more, or
    /// nowhere.
    private(set) var skipsMessage = false

    mutating func opened() {
        precondition(phase == .idle, "ExchangeState.opened in \(phase)")
        phase = .opening
    }

    mutating func frontBody(_ flags: BodyFlags = []) -> OnFrontBody {
        guard !hasFrontEnded else { return .drop }
        switch phase {
        case .open: return skips(flags) ? .drop : .forward
        case .idle, .opening: return .hold
        case .reconnecting: return skips(flags) ? .drop : .holdBounded
        case .closed: return .drop
        }
    }

    mutating func skipRestOfMessage() { skipsMessage = true }

    private mutating func skips(_ flags: BodyFlags) -> Bool {
        guard skipsMessage else { return false }
        skipsMessage = !flags.contains(.endsMessage)
        return true
    }

    mutating func frontEnded() -> OnFrontEnded {
        guard !hasFrontEnded else { return .ignore }
        switch phase {
        case .idle, .opening, .reconnecting:
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
    ///
    /// - Parameter hasHeld: something of it waits for a back-end.
    mutating func frontClosed(hasHeld: Bool = false) -> OnFrontClosed {
        switch phase {
        case .idle, .opening, .reconnecting:
            guard hasHeld else {
                phase = .closed
                return .cancel
            }
            hasFrontEnded = true
            return .outlive
        case .open:
            phase = .closed
            return hasFrontEnded ? .detach : .finishAndDetach
        case .closed: return .ignore
        }
    }

    mutating func backReady() -> OnBackReady {
        switch phase {
        case .opening, .reconnecting:
            phase = .open
            return .deliverHeld
        case .idle, .open, .closed: return .ignore
        }
    }

    /// The back-end is lost, and the policy dials again.
    mutating func reconnects() {
        switch phase {
        case .opening, .reconnecting: break
        case .open: phase = .reconnecting
        case .idle, .closed: preconditionFailure("ExchangeState.reconnects in \(phase)")
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
        case .idle, .opening, .reconnecting, .closed: return .ignore
        }
    }

    /// - Returns: whether the exchange was still alive.
    mutating func closed() -> Bool {
        defer { phase = .closed }
        return phase != .closed
    }
}
