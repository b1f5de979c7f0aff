// rtbridge: whether a call is tried again, and when.
// SPDX-License-Identifier: Apache-2.0

/// A call's attempts (gRPC A6), as a value: no I/O, time and randomness are parameters.
///
/// ```
///            ┌────────────────retry──────────────────┐
/// attempting ┴──attemptEnded──▶ giveUp               │
///     │                 └──────▶ retryNow | retry ───┘
///     └──commit──▶ committed: the next end is the call's
/// ```
public struct RetryState: Sendable {
    /// How an attempt ended that had brought the client nothing.
    public enum Outcome: Sendable, Equatable {
        /// No application has seen it.
        case unseen(TransparentRetries.Reason)
        /// A gRPC status other than OK, the back-end's own or the bridge's, and what `grpc-retry-pushback-ms` said.
        case status(UInt8, Pushback)
        /// `perAttemptTimeout` is over.
        case timedOut
    }

    /// What a back-end asks of its clients (gRPC A6, "Pushback").
    public enum Pushback: Sendable, Equatable {
        case none
        case after(Duration)
        /// "If the value for pushback is negative or unparseble, then it will be seen as the server asking the client
        /// not to retry at all".
        case never

        /// - Parameter value: of `grpc-retry-pushback-ms`, nil where there is none.
        public init(value: String?) {
            guard let value else {
                self = .none
                return
            }
            if let milliseconds = Int32(value), milliseconds >= 0 {
                self = .after(.milliseconds(milliseconds))
            } else {
                self = .never
            }
        }
    }

    public enum OnAttemptEnded: Sendable, Equatable {
        case retryNow
        case retry(after: Duration)
        case giveUp(Reason)
    }

    /// Why there is no further attempt.
    public enum Reason: String, Sendable, Equatable {
        case committed, notRetryable, attemptsUsedUp, pushedBack, budgetUsedUp, deadlineTooNear
    }

    private let parameters: RetryParameters
    private var backoff: Backoff
    private var transparent = TransparentRetries()
    public private(set) var isCommitted = false
    /// The attempt that is under way, from 1 on. "Transparent retries do not count toward the limit of configured RPC
    /// attempts".
    public private(set) var attempt = 1

    public init(_ parameters: RetryParameters) {
        self.parameters = parameters
        backoff = Backoff(parameters.backoff)
    }

    public var maxAttempts: Int { parameters.maxAttempts }

    /// The value of `grpc-previous-rpc-attempts`.
    public var previousAttempts: Int { attempt - 1 }

    /// Whether the end of the attempt under way may lead to another one, as far as can be known before.
    public var mayRetry: Bool { !isCommitted && attempt < parameters.maxAttempts }

    /// The client has got something, or the request is too long to be kept: "RPC commit".
    public mutating func commit() { isCommitted = true }

    /// - Parameter hasBudget: whether the back-end's budget has room for this call's retry.
    /// - Parameter timeLeft: until the call's deadline; nil where it has none. A retry that would begin after it is
    ///   none: the client is told what happened rather than that time is over.
    public mutating func attemptEnded(
        _ outcome: Outcome, hasBudget: Bool, timeLeft: Duration?, using generator: inout some RandomNumberGenerator
    ) -> OnAttemptEnded {
        guard !isCommitted else { return .giveUp(.committed) }
        var pushback = Pushback.none
        switch outcome {
        case .unseen(let reason):
            if transparent.take(reason) { return .retryNow }
            guard isRetryable(14) else { return .giveUp(.notRetryable) }
        case .status(let code, let asked):
            guard isRetryable(code) else { return .giveUp(.notRetryable) }
            pushback = asked
        case .timedOut: break
        }
        guard attempt < parameters.maxAttempts else { return .giveUp(.attemptsUsedUp) }
        if pushback == .never { return .giveUp(.pushedBack) }
        guard hasBudget else { return .giveUp(.budgetUsedUp) }
        let delay = delay(pushback, using: &generator)
        if let timeLeft, delay >= timeLeft { return .giveUp(.deadlineTooNear) }
        attempt += 1
        return .retry(after: delay)
    }

    private func isRetryable(_ code: UInt8) -> Bool { parameters.retryableStatusCodes.contains(code) }

    private mutating func delay(_ pushback: Pushback, using generator: inout some RandomNumberGenerator) -> Duration {
        guard case .after(let delay) = pushback else { return backoff.next(using: &generator) }
        // gRPC A6, "Pushback: Retry in n ms": "If this attempt also fails, retry delay will reset to initial backoff".
        backoff.reset()
        return delay
    }
}
