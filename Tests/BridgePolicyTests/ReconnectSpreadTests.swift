// rtbridge: many sessions that lose their back-end at once come back one after the other.
// SPDX-License-Identifier: Apache-2.0

import BridgePolicy
import Testing

/// Dials are counted in buckets of 100 ms.
struct ReconnectSpreadTests {
    private static let sessions = 5000
    private static let seed: UInt64 = 20_261_127

    private static func policy(_ jitter: Jitter) -> ReconnectPolicy {
        var policy = ReconnectPolicy()
        policy.mode = .notify
        policy.backoff = BackoffParameters(initial: .seconds(1), multiplier: 2, max: .seconds(10), jitter: jitter)
        return policy
    }

    /// When each session dials after a loss at zero, where the first `failing` dials fail at once.
    private static func dials(_ policy: ReconnectPolicy, failing: Int) -> [Duration] {
        var random = SeededRandom(seed: seed)
        return (0..<sessions).map { _ in
            var state = ReconnectState(policy)
            state.started(at: .zero)
            state.connected(at: .zero)
            var now = Duration.zero
            for _ in 0...failing {
                let traffic = ReconnectState.Traffic(hasWritten: true, hasRead: true)
                guard case .retry(_, let delay) = state.lost(.failed, traffic, at: now, using: &random) else {
                    return now
                }
                now += delay
                _ = state.delayPassed()
            }
            return now
        }
    }

    private static func buckets(_ dials: [Duration]) -> [Int] {
        var counts: [Int: Int] = [:]
        for dial in dials { counts[Int(dial / .milliseconds(100)), default: 0] += 1 }
        let range = (counts.keys.min() ?? 0)...(counts.keys.max() ?? 0)
        return range.map { counts[$0, default: 0] }
    }

    /// Of the buckets in which a dial can fall, none has more than twice its even share.
    @Test(arguments: [Jitter.full, .equal, .decorrelated, .fraction(0.2)])
    func noBucketHasMoreThanTwiceItsShare(_ jitter: Jitter) {
        let counts = Self.buckets(Self.dials(Self.policy(jitter), failing: 0))
        let share = Double(Self.sessions) / Double(counts.count)
        #expect(counts.count >= 4, "\(jitter): \(counts)")
        #expect(counts.allSatisfy { Double($0) <= 2 * share }, "\(jitter), seed \(Self.seed): \(counts)")
    }

    /// A back-end that stays away for some attempts is met by ever fewer at a time.
    @Test(arguments: [Jitter.full, .equal, .decorrelated])
    func furtherAttemptsAreSpreadWider(_ jitter: Jitter) {
        let most = (0...3).map { Self.buckets(Self.dials(Self.policy(jitter), failing: $0)).max() ?? 0 }
        #expect(most == most.sorted(by: >), "\(jitter), seed \(Self.seed): \(most)")
    }

    /// What the test is for: without jitter all come in one bucket.
    @Test func withoutJitterTheyComeTogether() {
        #expect(Self.buckets(Self.dials(Self.policy(.fraction(0)), failing: 0)) == [Self.sessions])
    }
}
