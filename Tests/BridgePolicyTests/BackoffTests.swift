// rtbridge: the delays of a backoff.
// SPDX-License-Identifier: Apache-2.0

import BridgePolicy
import Testing

struct BackoffTests {
    private static let jitters: [Jitter] = [.fraction(0), .fraction(0.2), .fraction(1), .full, .equal, .decorrelated]

    private static func delays(_ parameters: BackoffParameters, count: Int, seed: UInt64) -> [Duration] {
        var random = SeededRandom(seed: seed)
        var backoff = Backoff(parameters)
        return (0..<count).map { _ in backoff.next(using: &random) }
    }

    private static func parameters(_ jitter: Jitter, multiplier: Double = 2) -> BackoffParameters {
        BackoffParameters(initial: .milliseconds(100), multiplier: multiplier, max: .seconds(1), jitter: jitter)
    }

    /// `min(max, initial × 2^k)` in milliseconds.
    private static let steps: [Int64] = [100, 200, 400, 800, 1000, 1000]

    @Test func withoutJitterTheDelaysGrowByTheMultiplierUpToTheMaximum() {
        let delays = Self.delays(Self.parameters(.fraction(0)), count: 6, seed: 1)
        #expect(delays == Self.steps.map { .milliseconds($0) })
    }

    @Test func grpcDelaysStayWithinTheirFifth() {
        var expected = 1.0
        for delay in Self.delays(.grpcConnection, count: 30, seed: 2) {
            #expect(delay >= .seconds(expected * 0.8) - .nanoseconds(1), "seed 2")
            #expect(delay <= .seconds(expected * 1.2) + .nanoseconds(1), "seed 2")
            expected = min(expected * 1.6, 120)
        }
    }

    @Test(arguments: [
        (Jitter.fraction(0.2), 0.8, 1.2), (.fraction(1), 0, 2), (.full, 0, 1), (.equal, 0.5, 1),
    ])
    func eachDelayLiesInItsBandAndFillsItEvenly(_ jitter: Jitter, _ low: Double, _ high: Double) {
        let rounds = 4000
        let sequences = (0..<UInt64(rounds)).map { seed in
            Self.delays(Self.parameters(jitter), count: Self.steps.count, seed: seed)
        }
        for (attempt, step) in Self.steps.enumerated() {
            let parts = sequences.map { ($0[attempt] / .milliseconds(step) - low) / (high - low) }
            #expect(parts.allSatisfy { -1e-6...1.000001 ~= $0 }, "attempt \(attempt)")
            // Uniform: mean 1/2, variance 1/12; the tolerances are more than five standard errors.
            let mean = parts.reduce(0, +) / Double(rounds)
            let variance = parts.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(rounds)
            #expect(abs(mean - 0.5) < 0.025, "attempt \(attempt)")
            #expect(abs(variance - 1 / 12.0) < 0.008, "attempt \(attempt)")
        }
    }

    @Test func decorrelatedDelaysLieBetweenInitialAndThreeTimesThePrevious() {
        for seed in 0..<200 as Range<UInt64> {
            var previous = Duration.milliseconds(100)
            for delay in Self.delays(Self.parameters(.decorrelated), count: 50, seed: seed) {
                #expect(delay >= .milliseconds(100), "seed \(seed)")
                #expect(delay <= min(.seconds(1), previous * 3 + .nanoseconds(3)), "seed \(seed)")
                previous = delay
            }
        }
    }

    @Test func theFirstDecorrelatedDelayFillsItsBandEvenly() {
        let first = (0..<4000 as Range<UInt64>).map {
            Self.delays(Self.parameters(.decorrelated), count: 1, seed: $0)[0] / .milliseconds(1)
        }
        // Uniform in 100...300.
        #expect(abs(first.reduce(0, +) / 4000 - 200) < 5)
        #expect(first.count { $0 < 150 } > 850 && first.count { $0 > 250 } > 850)
    }

    @Test(arguments: jitters)
    func resetBeginsAnew(_ jitter: Jitter) {
        var backoff = Backoff(Self.parameters(jitter))
        var random = SeededRandom(seed: 3)
        let first = backoff.next(using: &random)
        for _ in 0..<20 { _ = backoff.next(using: &random) }
        #expect(backoff.attempts == 21)
        backoff.reset()
        #expect(backoff.attempts == 0)
        random = SeededRandom(seed: 3)
        #expect(backoff.next(using: &random) == first)
    }

    @Test(arguments: jitters)
    func manyAttemptsStayNearTheMaximum(_ jitter: Jitter) {
        let delays = Self.delays(Self.parameters(jitter, multiplier: 1e300), count: 10_000, seed: 4)
        #expect(delays.allSatisfy { $0 >= .zero && $0 <= .seconds(2) })
        #expect(delays.suffix(100).reduce(.zero, +) > .seconds(20))
    }

    @Test func sillyParametersGiveDelaysThatATimerCanTake() {
        let times: [Duration] = [
            .zero, .seconds(-5), .nanoseconds(1), .seconds(1), .seconds(Int64.max), .seconds(Int64.min),
        ]
        let numbers = [Double.nan, -.infinity, -1, 0, 0.5, 1, 1e300, .infinity]
        let jitters: [Jitter] = [.full, .equal, .decorrelated] + numbers.map { .fraction($0) }
        for initial in times {
            for max in times {
                for multiplier in numbers {
                    for jitter in jitters {
                        let parameters = BackoffParameters(
                            initial: initial, multiplier: multiplier, max: max, jitter: jitter)
                        let delays = Self.delays(parameters, count: 8, seed: 5)
                        #expect(
                            delays.allSatisfy { $0 >= .zero && $0 <= .seconds(2_000_000_000) }, "\(parameters)")
                    }
                }
            }
        }
    }
}
