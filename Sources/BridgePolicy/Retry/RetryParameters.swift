// rtbridge: when a call is tried again.
// SPDX-License-Identifier: Apache-2.0

/// A retry policy (gRPC A6, "Retry Policy"), and what others have added to it since.
public struct RetryParameters: Sendable, Equatable {
    /// Attempts in all, the first one included.
    public var maxAttempts = 4
    /// The n-th retry waits for `min(maxBackoff, initialBackoff × backoffMultiplier^(n-1))`, spread by ``jitter``.
    public var initialBackoff: Duration = .milliseconds(100)
    public var maxBackoff: Duration = .seconds(2)
    public var backoffMultiplier = 2.0
    /// gRPC A6 is ``Jitter/full``: "random(0, min(initialBackoff*backoffMultiplier**(n-1), maxBackoff))".
    public var jitter = Jitter.full
    /// gRPC statuses after which a call is tried again, by number.
    public var retryableStatusCodes: [UInt8] = [14]
    /// An attempt that has brought no message for this long is given up, and the call tried again; nil is off.
    public var perAttemptTimeout: Duration?
    /// How many of a back-end's calls may be retries at a time, in percent: see ``RetryBudget``.
    public var budgetPercent = 20

    public init() {}

    var backoff: BackoffParameters {
        BackoffParameters(
            initial: initialBackoff, multiplier: backoffMultiplier, max: maxBackoff, jitter: jitter)
    }
}
