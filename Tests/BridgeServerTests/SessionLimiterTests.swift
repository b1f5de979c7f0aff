// rtbridge: how many sessions there may be.
// SPDX-License-Identifier: Apache-2.0

import BridgeBacks
import Testing

struct SessionLimiterTests {
    @Test func thereIsRoomUpToTheMaximumAndAgainAfterOneLeft() {
        let limiter = SessionLimiter(maximum: 2, maximumPerClient: 0)
        #expect(limiter.enter("a") == nil && limiter.enter("a") == nil)
        #expect(limiter.enter("b") == "2 sessions are open (udp.maxSessions)")
        limiter.leave("a")
        #expect(limiter.enter("b") == nil)
        #expect(limiter.enter("a") != nil)
    }

    @Test func oneClientDoesNotTakeTheOthersRoom() {
        let limiter = SessionLimiter(maximum: 10, maximumPerClient: 2)
        #expect(limiter.enter("a") == nil && limiter.enter("a") == nil)
        #expect(limiter.enter("a") == "2 sessions of this client are open (udp.maxSessionsPerClient)")
        #expect(limiter.enter("b") == nil)
        limiter.leave("a")
        #expect(limiter.enter("a") == nil)
    }

    @Test func aRefusalTakesNoRoom() {
        let limiter = SessionLimiter(maximum: 3, maximumPerClient: 1)
        #expect(limiter.enter("a") == nil)
        for _ in 0..<100 { #expect(limiter.enter("a") != nil) }
        #expect(limiter.enter("b") == nil && limiter.enter("c") == nil)
    }

    @Test func zeroIsNoLimit() {
        let limiter = SessionLimiter(maximum: 0, maximumPerClient: 0)
        for index in 0..<5000 { #expect(limiter.enter("client \(index % 3)") == nil) }
    }

    @Test func manyThreadsCountRight() async {
        let limiter = SessionLimiter(maximum: 100, maximumPerClient: 40)
        await withTaskGroup(of: Void.self) { group in
            for task in 0..<8 {
                group.addTask {
                    for round in 0..<2000 {
                        let client = "client \((task + round) % 3)"
                        if limiter.enter(client) == nil { limiter.leave(client) }
                    }
                }
            }
        }
        for client in ["client 0", "client 1"] {
            for _ in 0..<40 { #expect(limiter.enter(client) == nil) }
            #expect(limiter.enter(client) != nil)
        }
    }
}
