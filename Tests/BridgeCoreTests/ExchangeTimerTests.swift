// rtbridge: deadline and idle time of an exchange.
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Testing

@testable import BridgeCore

struct ExchangeTimerTests {
    /// Two steps of the wheel.
    private static let tolerance = TimeAmount.milliseconds(20)

    @Test func theDeadlineFailsTheCallOnceAndNotBefore() {
        let world = World()
        world.exchange.open(deadline: world.worker.now + .seconds(3), idle: nil)
        world.exchange.backReady()
        #expect(world.exchange.deadline == .uptimeNanoseconds(3_000_000_000))
        world.pass(.seconds(3))
        world.fromFront("no byte resets a deadline")
        #expect(world.front.failure == nil)
        world.pass(Self.tolerance)
        #expect(world.front.failure?.kind == .deadlineExceeded)
        #expect(world.front.failure?.grpcStatusCode == 4)
        #expect(world.back.events.last == .cancelled)
        #expect(world.worker.timers.count == 0)
    }

    @Test func theDeadlineHoldsWhileTheBackIsNotThereYet() {
        let world = World()
        world.exchange.open(deadline: world.worker.now + .milliseconds(50), idle: nil)
        world.pass(.milliseconds(50) + Self.tolerance)
        #expect(world.front.events == [.failed(.deadlineExceeded)])
        world.exchange.backReady()
        #expect(world.back.events == [.cancelled])
    }

    @Test func aDeadlineThatHasPassedFailsAtOnceAfterTheOpening() {
        let world = World()
        world.pass(.seconds(10))
        world.exchange.open(deadline: world.worker.now - .seconds(5), idle: nil)
        #expect(world.front.events.isEmpty)
        world.pass(Self.tolerance)
        #expect(world.front.events == [.failed(.deadlineExceeded)])
    }

    @Test func theLongestDeadlineDoesNotOverflow() {
        let world = World()
        world.exchange.open(deadline: .distantFuture, idle: TimeAmount(.seconds(Int64.max)))
        world.pass(.hours(2))
        #expect(!world.exchange.isOver)
    }

    @Test func silenceFailsTheExchangeWithTheTimeAndItsKey() {
        let world = World()
        world.exchange.open(deadline: nil, idle: .milliseconds(1500))
        world.exchange.backReady()
        world.pass(.milliseconds(1499))
        #expect(!world.exchange.isOver)
        world.pass(.milliseconds(1) + Self.tolerance)
        #expect(world.front.failure?.kind == .idleTimeout)
        #expect(world.front.failure?.reason == "no byte in either direction for 1.5 s (timeouts.idle)")
    }

    @Test(arguments: ["front", "back", "head", "pong", "end"])
    func aSignOfLifeStartsTheIdleTimeAnew(_ sign: String) {
        let world = World(staysOpen: true)
        world.exchange.open(deadline: nil, idle: .seconds(10))
        world.exchange.backReady()
        for _ in 0..<5 {
            world.pass(.seconds(9))
            switch sign {
            case "front": world.fromFront("x")
            case "back": world.fromBack("x")
            case "head": world.exchange.backOpened()
            case "pong": world.exchange.noteActivity()
            default: world.exchange.frontEnded()
            }
        }
        #expect(!world.exchange.isOver)
        world.pass(.seconds(9))
        #expect(!world.exchange.isOver)
        world.pass(.seconds(1) + Self.tolerance)
        #expect(world.front.failure?.kind == .idleTimeout)
    }

    @Test func bothTimersMayRunAndTheFirstWins() {
        let world = World()
        world.exchange.open(deadline: world.worker.now + .seconds(5), idle: .seconds(2))
        world.exchange.backReady()
        world.pass(.seconds(2) + Self.tolerance)
        #expect(world.front.events == [.taken, .failed(.idleTimeout)])
        world.pass(.seconds(10))
        #expect(world.front.events.count == 2)
    }
}
