// rtbridge: which endpoint is chosen.
// SPDX-License-Identifier: Apache-2.0

import BridgePolicy
import Testing

struct BalancingTests {
    private static func names(_ count: Int) -> [String] { (0..<count).map { "10.0.0.\($0):50051" } }

    private static func pick(
        _ balancing: inout Balancing, _ random: inout SeededRandom, key: UInt64? = nil, loads: [Int] = [],
        out: Set<Int> = []
    ) -> Int? {
        balancing.pick(
            key: key, using: &random, load: { loads.isEmpty ? 0 : loads[$0] }, isUsable: { !out.contains($0) })
    }

    @Test func roundRobinTakesEachInTurnFromItsStartOn() {
        var balancing = Balancing(.roundRobin, names: Self.names(3), start: 1)
        var random = SeededRandom(seed: 1)
        #expect((0..<7).map { _ in Self.pick(&balancing, &random) } == [1, 2, 0, 1, 2, 0, 1])
        #expect((0..<4).map { _ in Self.pick(&balancing, &random, out: [2]) } == [0, 1, 0, 1])
        #expect(Self.pick(&balancing, &random, out: [0, 1, 2]) == nil)
    }

    @Test func leastRequestTakesTheOneOfTwoThatHasLess() {
        var balancing = Balancing(.leastRequest, names: Self.names(2), start: 0)
        var random = SeededRandom(seed: 2)
        for _ in 0..<1000 {
            #expect(Self.pick(&balancing, &random, loads: [5, 4]) == 1)
            #expect(Self.pick(&balancing, &random, loads: [3, 4]) == 0)
        }
    }

    /// The most loaded of many is never taken, for the other one of the two has less.
    @Test func leastRequestNeverTakesTheMostLoaded() {
        var random = SeededRandom(seed: 3)
        for count in 2..<10 {
            var balancing = Balancing(.leastRequest, names: Self.names(count), start: 0)
            let loads = (0..<count).map { $0 == count / 2 ? 9 : 1 }
            for _ in 0..<500 { #expect(Self.pick(&balancing, &random, loads: loads) != count / 2) }
        }
    }

    @Test func randomTakesEachAsOften() {
        var balancing = Balancing(.random, names: Self.names(4), start: 0)
        var random = SeededRandom(seed: 4)
        var counts = [0, 0, 0, 0]
        for _ in 0..<40_000 { counts[Self.pick(&balancing, &random) ?? 0] += 1 }
        // Binomial: a standard deviation is 87, and the numbers are those of a seed.
        for count in counts { #expect(abs(count - 10_000) < 700) }
    }

    @Test func whatMayNotBeUsedIsNotChosen() {
        for seed in 0..<3000 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            let count = Int.random(in: 1...8, using: &random)
            let policy: Balancing.Policy = [.roundRobin, .leastRequest, .random, .hash].randomElement(using: &random)!
            var balancing = Balancing(policy, names: Self.names(count), start: Int.random(in: 0...9, using: &random))
            for _ in 0..<20 {
                let out = Set((0..<count).filter { _ in Bool.random(using: &random) })
                let loads = (0..<count).map { _ in Int.random(in: 0...5, using: &random) }
                let picked = Self.pick(&balancing, &random, key: random.next(), loads: loads, out: out)
                #expect((picked == nil) == (out.count == count), "seed \(seed)")
                if let picked { #expect(!out.contains(picked) && picked < count, "seed \(seed)") }
            }
        }
    }

    // MARK: The ring

    private static let keys = (0..<10_000).map { HashRing.hash("user-\($0)".utf8) }

    @Test func theSameKeyHasTheSameEndpointWhateverTheOrder() {
        let names = Self.names(5)
        let (ring, other) = (HashRing(names), HashRing(names.reversed()))
        for key in Self.keys {
            let (here, there) = (ring.find(key) { _ in true }, other.find(key) { _ in true })
            #expect(here.map { names[$0] } == there.map { names.reversed()[$0] })
        }
    }

    @Test func onlyTheKeysOfAnEndpointThatGoesMoveAndToAllOthersAlike() {
        let names = Self.names(5)
        let ring = HashRing(names)
        for gone in 0..<5 {
            let rest = names.enumerated().filter { $0.offset != gone }.map(\.element)
            let smaller = HashRing(rest)
            var moved = [0, 0, 0, 0]
            for key in Self.keys {
                let before = ring.find(key) { _ in true } ?? -1
                let after = smaller.find(key) { _ in true } ?? -1
                #expect(ring.find(key) { $0 != gone }.map { names[$0] } == rest[after], "leaving out is as removing")
                if before == gone { moved[after] += 1 } else { #expect(names[before] == rest[after]) }
            }
            // The ring has no chance in it: these are its figures, with room for other constants.
            #expect(moved.allSatisfy { $0 > 200 })
        }
    }

    @Test func sharesAreAlike() {
        for count in 2...10 {
            let ring = HashRing(Self.names(count))
            var counts = Array(repeating: 0, count: count)
            for key in Self.keys { counts[ring.find(key) { _ in true } ?? 0] += 1 }
            let fair = Self.keys.count / count
            #expect(counts.allSatisfy { abs($0 - fair) < fair * 3 / 10 }, "\(counts)")
        }
    }

    @Test func aRequestThatHasNothingToHashGoesAnywhere() {
        var balancing = Balancing(.hash, names: Self.names(3), start: 0)
        var random = SeededRandom(seed: 5)
        #expect(Set((0..<200).compactMap { _ in Self.pick(&balancing, &random) }) == [0, 1, 2])
    }
}
