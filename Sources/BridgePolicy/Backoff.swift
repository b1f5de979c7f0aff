// rtbridge: how long to wait before the next attempt.
// SPDX-License-Identifier: Apache-2.0

/// How the delay before an attempt is spread, so that many clients do not come back at once.
public enum Jitter: Sendable, Equatable {
    /// The delay times a random factor in `1 - fraction ... 1 + fraction` (gRPC connection-backoff.md; 0.0...1.0).
    case fraction(Double)
    /// A random delay in `0 ... delay` (AWS Architecture Blog, "Exponential Backoff And Jitter": full jitter).
    case full
    /// Half of the delay, plus a random part of the other half (the same source: equal jitter).
    case equal
    /// A random delay in `initial ... 3 × previous delay`, at most `max` (the same source: decorrelated jitter).
    case decorrelated
}

/// The parameters of an exponential backoff.
public struct BackoffParameters: Sendable, Equatable {
    /// The delay before the second attempt.
    public var initial: Duration
    /// What each further delay is multiplied by (at least 1).
    public var multiplier: Double
    /// No delay is longer than this, before jitter of a fraction is applied.
    public var max: Duration
    public var jitter: Jitter

    public init(initial: Duration, multiplier: Double, max: Duration, jitter: Jitter) {
        self.initial = initial
        self.multiplier = multiplier
        self.max = max
        self.jitter = jitter
    }

    /// gRPC connection-backoff.md: INITIAL_BACKOFF = 1 second, MULTIPLIER = 1.6, MAX_BACKOFF = 120 seconds, JITTER = 0.2.
    public static let grpcConnection = BackoffParameters(
        initial: .seconds(1), multiplier: 1.6, max: .seconds(120), jitter: .fraction(0.2))
}
