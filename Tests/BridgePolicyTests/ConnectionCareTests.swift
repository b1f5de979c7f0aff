// rtbridge: pings that no server takes for a flood.
// SPDX-License-Identifier: Apache-2.0

import BridgePolicy
import Testing

struct ConnectionCareTests {
    private static func care(_ interval: Duration? = .seconds(310), idle: Duration? = .seconds(1800)) -> ConnectionCare
    {
        ConnectionCare(interval: interval, timeout: .seconds(20), idle: idle, now: .zero)
    }

    private func tick(_ care: inout ConnectionCare, _ now: Duration) -> ConnectionCare.OnTick { care.tick(now: now) }

    @Test func aConnectionWithoutCallsIsNeverPingedAndClosesAfterItsTime() {
        var care = Self.care()
        #expect(tick(&care, .seconds(310)) == .wait(until: .seconds(1800)))
        #expect(tick(&care, .seconds(1799)) == .wait(until: .seconds(1800)))
        #expect(tick(&care, .seconds(1800)) == .closeIdle)
    }

    @Test func silenceDuringACallIsPingedAndThenGivenUp() {
        var care = Self.care()
        care.calls(true, since: .seconds(1000))
        #expect(tick(&care, .seconds(1001)) == .wait(until: .seconds(1310)))
        #expect(tick(&care, .seconds(1310)) == .ping)
        #expect(tick(&care, .seconds(1311)) == .wait(until: .seconds(1330)))
        #expect(tick(&care, .seconds(1330)) == .giveUp)
    }

    @Test func anAnswerShowsThatTheConnectionLives() {
        var care = Self.care()
        care.calls(true, since: .zero)
        #expect(tick(&care, .seconds(310)) == .ping)
        care.received(at: .seconds(311))
        #expect(tick(&care, .seconds(330)) == .wait(until: .seconds(621)))
    }

    @Test func callsThatGoThroughAreNeverPinged() {
        var care = Self.care()
        for second in 0..<10_000 {
            care.calls(second % 2 == 0, since: .seconds(second))
            care.received(at: .seconds(second))
            #expect(tick(&care, .seconds(second)) != .ping)
        }
    }

    @Test func whatIsOffIsOff() {
        var care = Self.care(nil, idle: nil)
        #expect(tick(&care, .seconds(100_000)) == .wait(until: nil))
        care.calls(true, since: .seconds(100_000))
        #expect(tick(&care, .seconds(900_000)) == .wait(until: nil))
    }

    /// gRPC's servers: no more than two PINGs that come less than five minutes after the one before.
    @Test func pingsAreFiveMinutesApartWhateverHappens() {
        for seed in 0..<2000 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            var care = Self.care()
            var now = Duration.zero
            var last: Duration?
            for _ in 0..<200 {
                now += .milliseconds(Int.random(in: 0...200_000, using: &random))
                switch Int.random(in: 0..<4, using: &random) {
                case 0: care.calls(Bool.random(using: &random), since: now)
                case 1: care.received(at: now)
                case _:
                    let done = care.tick(now: now)
                    if done == .ping {
                        #expect(last.map { now - $0 >= .seconds(300) } ?? true, "seed \(seed)")
                        last = now
                    }
                    if done == .giveUp || done == .closeIdle { break }
                }
            }
        }
    }
}
