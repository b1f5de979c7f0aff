// rtbridge: when an endpoint is asked for its health, and how.
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import BridgePolicy

struct HealthAskingTests {
    private static let interval = Duration.seconds(10)

    private static func isAnInterval(_ delay: Duration) -> Bool {
        (interval * (1 - HealthAsking.jitter)...interval * (1 + HealthAsking.jitter)).contains(delay)
    }

    @Test func aServerWithoutWatchIsCheckedAtOnceAndThenEachInterval() {
        var random = SeededRandom(seed: 1)
        var asking = HealthAsking(mayWatch: true, interval: Self.interval)
        #expect(asking.way == .watch)
        #expect(asking.ended(.unimplemented, using: &random) == .zero)
        #expect(asking.way == .check)
        for end in [HealthAsking.End.answered, .unimplemented, .answered] {
            #expect(Self.isAnInterval(asking.ended(end, using: &random)))
            #expect(asking.way == .check)
        }
        // Another server may be there when it comes back.
        #expect(Self.isAnInterval(asking.ended(.broken, using: &random)))
        #expect(asking.way == .watch)
    }

    @Test func whatCannotBeWatchedNeverIs() {
        var random = SeededRandom(seed: 1)
        var asking = HealthAsking(mayWatch: false, interval: Self.interval)
        for end in [HealthAsking.End.answered, .broken, .left] {
            #expect(Self.isAnInterval(asking.ended(end, using: &random)))
            #expect(asking.way == .check)
        }
    }

    /// gRFC A17: "the client will use exponential backoff between attempts"; gRPC connection-backoff.md: 1 s, × 1.6, ± 0.2.
    @Test func aWatchThatEndsIsAskedForAgainByABackoffThatAnAnswerResets() {
        var random = SeededRandom(seed: 1)
        var asking = HealthAsking(mayWatch: true, interval: Self.interval)
        func delays(_ count: Int) -> [Duration] { (0..<count).map { _ in asking.ended(.broken, using: &random) } }
        let steps = [1, 1.6, 2.56, 4.096, 6.5536, 10, 10].map { Duration.seconds($0) }
        for (delay, step) in zip(delays(steps.count), steps) {
            #expect((step * 0.8...step * 1.2).contains(delay), "\(delay) is not about \(step)")
        }
        #expect(Self.isAnInterval(asking.heard(using: &random)))
        #expect((Duration.milliseconds(800)...Duration.milliseconds(1200)).contains(delays(1)[0]))
    }

    @Test func aShortIntervalIsTheLongestDelay() {
        var random = SeededRandom(seed: 1)
        var asking = HealthAsking(mayWatch: true, interval: .milliseconds(50))
        for _ in 0..<10 { #expect(asking.ended(.broken, using: &random) <= .milliseconds(60)) }
    }
}
