// rtbridge: endpoints that fail are left out for a while.
// SPDX-License-Identifier: Apache-2.0

import BridgePolicy
import Testing

struct OutlierDetectorTests {
    private static func parameters(_ change: (inout OutlierParameters) -> Void = { _ in }) -> OutlierParameters {
        var parameters = OutlierParameters()
        parameters.consecutiveFailures = 3
        change(&parameters)
        return parameters
    }

    private func fail(_ detector: inout OutlierDetector, _ index: Int, _ count: Int, at now: Duration) -> Duration? {
        (0..<count).map { _ in detector.failed(index, now: now) }.last ?? nil
    }

    @Test func failuresInARowPutAnEndpointOutForItsTime() {
        var detector = OutlierDetector(Self.parameters(), count: 3)
        #expect(fail(&detector, 0, 2, at: .zero) == nil)
        detector.succeeded(0)
        #expect(fail(&detector, 0, 2, at: .zero) == nil, "a success begins the row anew")
        #expect(fail(&detector, 0, 1, at: .zero) == .seconds(30))
        #expect(detector.isOut(0, now: .seconds(29)) && !detector.isOut(0, now: .seconds(30)))
    }

    @Test func eachEjectionInARowIsLongerUpToTheMost() {
        var detector = OutlierDetector(Self.parameters { $0.maxEjectionTime = .seconds(70) }, count: 2)
        var now = Duration.zero
        for time in [30, 60, 70, 70] {
            #expect(fail(&detector, 0, 3, at: now) == .seconds(time))
            now += .seconds(time)
        }
        // Two intervals without an ejection take two steps back.
        now += .seconds(20)
        #expect(fail(&detector, 0, 3, at: now) == .seconds(70))
        now += .seconds(70 + 1000)
        #expect(fail(&detector, 0, 3, at: now) == .seconds(30))
    }

    @Test func theLastEndpointStaysAndNoMoreThanTheShareGoes() {
        var alone = OutlierDetector(Self.parameters { $0.maxEjectionPercent = 100 }, count: 1)
        #expect(fail(&alone, 0, 100, at: .zero) == nil)
        var four = OutlierDetector(Self.parameters(), count: 4)
        for index in 0..<4 { _ = fail(&four, index, 3, at: .zero) }
        #expect(four.outCount(now: .zero) == 2, "half of them")
        var all = OutlierDetector(Self.parameters { $0.maxEjectionPercent = 100 }, count: 4)
        for index in 0..<4 { _ = fail(&all, index, 3, at: .zero) }
        #expect(all.outCount(now: .zero) == 3, "all but one")
        var none = OutlierDetector(Self.parameters { $0.maxEjectionPercent = 0 }, count: 4)
        #expect(fail(&none, 0, 9, at: .zero) == nil)
    }

    @Test func whatIsKnownOfAnEndpointStaysWithItWhenOthersChange() {
        var detector = OutlierDetector(Self.parameters(), count: 2)
        _ = fail(&detector, 1, 3, at: .zero)
        detector.replace(kept: [nil, 1, nil])
        #expect([0, 1, 2].map { detector.isOut($0, now: .seconds(1)) } == [false, true, false])
    }

    @Test func thousandsOfRandomHistoriesKeepTheRules() {
        for seed in 0..<3000 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            let count = Int.random(in: 1...8, using: &random)
            let percent = Int.random(in: 0...100, using: &random)
            var detector = OutlierDetector(Self.parameters { $0.maxEjectionPercent = percent }, count: count)
            var now = Duration.zero
            for _ in 0..<300 {
                now += .seconds(Int.random(in: 0...3, using: &random))
                let index = Int.random(in: 0..<count, using: &random)
                if Int.random(in: 0..<4, using: &random) == 0 {
                    detector.succeeded(index)
                } else if let time = detector.failed(index, now: now) {
                    #expect(time >= .seconds(30) && time <= .seconds(300), "seed \(seed)")
                    #expect(detector.isOut(index, now: now), "seed \(seed)")
                }
                let out = detector.outCount(now: now)
                #expect(out < count && (out <= 1 || out * 100 <= percent * count), "seed \(seed)")
            }
        }
    }
}
