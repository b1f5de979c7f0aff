// rtbridge: whether and when a session's back-end is dialled again, as a value without I/O.
// SPDX-License-Identifier: Apache-2.0

/// The reconnection of one session. Time (since any fixed point) and randomness are parameters.
///
/// ```
/// idle ──started──▶ dialling ──connected──▶ live
///                    ▲   └──failed──▶ waiting ◀──failed──┘
///                    └──delayPassed──────┘
/// any ──(gave up | the mode ends it | ended)──▶ over
/// ```
/// An *outage* begins with the session, and again whenever a live back-end is lost that had sent a byte or had lived for
/// `resetAfter`: a back-end that accepts and hangs up does not count as one that is back. `maxAttempts` and `maxHold`
/// are those of an outage. The delays grow on until a back-end has lived for `resetAfter`.
public struct ReconnectState: Sendable {
    public enum Phase: Sendable, Equatable { case idle, dialling, waiting, live, over }

    /// How a back-end was lost.
    public enum Loss: Sendable, Equatable {
        /// It could not be reached, or the connection broke.
        case failed
        /// It ended its side in order.
        case ended
    }

    /// What went through since the back-end was there.
    public struct Traffic: Sendable, Equatable {
        /// A byte of the client was written to it.
        public var hasWritten: Bool
        /// It sent a byte.
        public var hasRead: Bool

        public init(hasWritten: Bool, hasRead: Bool) {
            self.hasWritten = hasWritten
            self.hasRead = hasRead
        }
    }

    public enum OnLost: Sendable, Equatable {
        /// Dial again after the delay. `attempt` counts the dials since the session began or was last lost, from 1.
        case retry(attempt: Int, delay: Duration)
        /// The mode does not go on after this loss.
        case end
        /// As many dials as were allowed, or no time for another.
        case giveUp
        case ignore
    }

    public let policy: ReconnectPolicy
    public private(set) var phase = Phase.idle
    /// Dials of this outage.
    public private(set) var attempts = 0
    /// Why it is over: there was no time left for another dial, or for the one under way.
    public private(set) var isOutOfTime = false
    private var attemptsSinceLoss = 0
    private var backoff: Backoff
    private var outageStart: Duration = .zero
    private var connectedAt: Duration = .zero

    public init(_ policy: ReconnectPolicy) {
        self.policy = policy
        backoff = Backoff(policy.backoff)
    }

    /// When the client is given up, unless the back-end is there.
    public var holdEnd: Duration { outageStart + policy.maxHold }

    public func elapsed(at now: Duration) -> Duration { now - outageStart }

    /// The session begins, with its first dial.
    public mutating func started(at now: Duration) {
        precondition(phase == .idle, "ReconnectState.started in \(phase)")
        phase = .dialling
        outageStart = now
        (attempts, attemptsSinceLoss) = (1, 1)
    }

    public mutating func connected(at now: Duration) {
        guard phase == .dialling else { return }
        phase = .live
        connectedAt = now
    }

    /// A dial failed, or the live back-end is gone.
    ///
    /// - Parameter traffic: of this back-end connection; without meaning while dialling.
    public mutating func lost(
        _ loss: Loss, _ traffic: Traffic, at now: Duration, using generator: inout some RandomNumberGenerator
    ) -> OnLost {
        switch phase {
        case .idle, .waiting, .over: return .ignore
        case .dialling: break
        case .live:
            guard goesOn(after: loss, traffic) else {
                phase = .over
                return .end
            }
            noteLife(traffic, until: now)
            attemptsSinceLoss = 0
        }
        return next(at: now, using: &generator)
    }

    /// - Returns: whether to dial now.
    public mutating func delayPassed() -> Bool {
        guard phase == .waiting else { return false }
        phase = .dialling
        attempts += 1
        attemptsSinceLoss += 1
        return true
    }

    /// - Returns: whether the client is to be given up: ``holdEnd`` has come and there is no back-end.
    public mutating func holdPassed(at now: Duration) -> Bool {
        switch phase {
        case .dialling, .waiting:
            guard now >= holdEnd else { return false }
            phase = .over
            isOutOfTime = true
            return true
        case .idle, .live, .over: return false
        }
    }

    public mutating func ended() { phase = .over }

    // MARK: Inside

    private func goesOn(after loss: Loss, _ traffic: Traffic) -> Bool {
        switch policy.mode {
        case .notify, .resume: true
        // Before the first byte nothing is lost by another try. A back-end that ends in order meant to.
        case .close: loss == .failed && !traffic.hasWritten && !traffic.hasRead
        }
    }

    private mutating func noteLife(_ traffic: Traffic, until now: Duration) {
        let hasLived = now - connectedAt >= policy.resetAfter
        if hasLived { backoff.reset() }
        if hasLived || traffic.hasRead {
            outageStart = now
            attempts = 0
        }
    }

    private mutating func next(at now: Duration, using generator: inout some RandomNumberGenerator) -> OnLost {
        guard policy.maxAttempts == 0 || attempts < policy.maxAttempts else {
            phase = .over
            return .giveUp
        }
        let delay = backoff.next(using: &generator)
        // A dial that would come after the end of the hold is none.
        guard now + delay < holdEnd else {
            phase = .over
            isOutOfTime = true
            return .giveUp
        }
        phase = .waiting
        return .retry(attempt: attemptsSinceLoss + 1, delay: delay)
    }
}
