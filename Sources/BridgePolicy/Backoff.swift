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

/// The delays between attempts, one after the other. Randomness is a parameter, time is not needed.
///
/// With `k` delays given out since the last ``reset()`` and `step = min(max, initial × multiplier^k)`:
///
/// | jitter | delay | source |
/// |---|---|---|
/// | `fraction(f)` | `step × random(1 - f ... 1 + f)` | gRPC connection-backoff.md: "current_backoff + UniformRandom(-JITTER * current_backoff, JITTER * current_backoff)" |
/// | `full` | `random(0 ... step)` | AWS Architecture Blog, "Exponential Backoff And Jitter": "sleep = random_between(0, min(cap, base * 2 ** attempt))" |
/// | `equal` | `step / 2 + random(0 ... step / 2)` | the same: "temp = min(cap, base * 2 ** attempt); sleep = temp / 2 + random_between(0, temp / 2)" |
/// | `decorrelated` | `min(max, random(initial ... 3 × previous))`, where the first `previous` is `initial` | the same: "sleep = min(cap, random_between(base, sleep * 3))" |
///
/// Parameters that make no sense are brought into range rather than trusted: a negative time is zero, a time of more
/// than ``longest`` is ``longest``, an `initial` above `max` is `max`, a multiplier below 1 or NaN is 1, a fraction
/// outside 0...1 is the nearer end and NaN is 0.
public struct Backoff: Sendable {
    /// About 31 years, in seconds. Twice this still fits the 64-bit count of nanoseconds of a timer.
    private static let longest = 1e9

    private let initial: Double
    private let multiplier: Double
    private let max: Double
    private let jitter: Jitter
    /// `step` of the table, or `previous` for decorrelated jitter.
    private var step: Double
    /// How many delays were given out since the start or the last ``reset()``; it stays at `Int.max`.
    public private(set) var attempts = 0

    public init(_ parameters: BackoffParameters) {
        max = Self.seconds(parameters.max)
        initial = Swift.min(Self.seconds(parameters.initial), max)
        // A comparison with NaN is false, so NaN takes the lower bound as well.
        multiplier = parameters.multiplier > 1 ? Swift.min(parameters.multiplier, Self.longest) : 1
        switch parameters.jitter {
        case .fraction(let fraction): jitter = .fraction(fraction > 0 ? Swift.min(fraction, 1) : 0)
        case .full, .equal, .decorrelated: jitter = parameters.jitter
        }
        step = initial
    }

    /// The delay before the next attempt.
    public mutating func next(using generator: inout some RandomNumberGenerator) -> Duration {
        if attempts < .max { attempts += 1 }
        let delay: Double
        switch jitter {
        case .fraction(let fraction):
            delay = step * Double.random(in: (1 - fraction)...(1 + fraction), using: &generator)
            grow()
        case .full:
            delay = Double.random(in: 0...step, using: &generator)
            grow()
        case .equal:
            delay = step / 2 + Double.random(in: 0...(step / 2), using: &generator)
            grow()
        case .decorrelated:
            delay = Swift.min(max, Double.random(in: initial...(3 * step), using: &generator))
            step = delay
        }
        return .nanoseconds(Int64((delay * 1e9).rounded()))
    }

    /// Begins anew at `initial`: after a connection that worked.
    public mutating func reset() {
        step = initial
        attempts = 0
    }

    private mutating func grow() { step = Swift.min(max, step * multiplier) }

    private static func seconds(_ duration: Duration) -> Double {
        let (seconds, attoseconds) = duration.components
        return Swift.min(Swift.max(Double(seconds) + Double(attoseconds) * 1e-18, 0), longest)
    }
}
