// rtbridge: how many of a back-end's calls may be retries.
// SPDX-License-Identifier: Apache-2.0

/// Keeps retries from making an overload worse: at a time no more calls are on a retry than a percentage of all that
/// are under way, and always as many as ``minimumRetries`` (Envoy's `retry_budget`: "a limit on concurrent retries in
/// relation to the number of active requests").
///
/// One for each back-end of a worker. A call is on a retry from the decision to retry until it ends.
public struct RetryBudget: Sendable, Equatable {
    /// Envoy's `min_retry_concurrency`: "Defaults to 3".
    public static let minimumRetries = 3

    public private(set) var calls = 0
    public private(set) var retries = 0

    public init() {}

    public mutating func callBegan() { calls += 1 }

    public mutating func callEnded() {
        calls -= 1
        precondition(calls >= 0, "RetryBudget.callEnded: no call is under way")
    }

    /// Whether one more call may go on a retry; one that is on a retry already asks nobody.
    public func hasRoom(percent: Int) -> Bool {
        retries < max(Self.minimumRetries, calls * percent / 100)
    }

    public mutating func retryBegan() { retries += 1 }

    public mutating func retryEnded() {
        retries -= 1
        precondition(retries >= 0, "RetryBudget.retryEnded: no retry is under way")
    }
}
