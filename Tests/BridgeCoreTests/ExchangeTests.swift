// rtbridge: what an exchange says to its legs, and when.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import NIOCore
import Testing

@testable import BridgeCore

struct ExchangeTests {
    // MARK: Opening

    @Test func bytesBeforeTheBackOpensAreHeldAndDeliveredInOrder() {
        let world = World()
        world.fromFront("0")
        world.exchange.open(deadline: nil, idle: nil)
        world.fromFront("1")
        world.fromFront("2", .endsMessage)
        world.fromFront("3")
        world.fromFront("4", [.endsMessage, .text])
        world.fromFront("", .endsMessage)
        #expect(
            world.back.events.isEmpty && world.front.events.isEmpty, "nothing is taken before the back-end is there")

        world.exchange.backReady()
        #expect(
            world.back.events == [
                .body("01"), .body("2", .endsMessage), .body("3"), .body("4", [.endsMessage, .text]),
                .body("", .endsMessage),
            ])
        #expect(world.front.events == [.taken])
        world.fromFront("5")
        #expect(world.back.events.last == .body("5"))
        #expect(world.exchange.bytesIn == 6)
    }

    @Test func theFrontsEndBeforeTheBackOpensIsHeldToo() {
        let world = World()
        world.exchange.open(deadline: nil, idle: nil)
        world.fromFront("all")
        world.exchange.frontEnded(FieldBlock(["x-sum": "3"]))
        world.fromFront("late")
        #expect(world.back.events.isEmpty)
        world.exchange.backReady()
        #expect(world.back.events == [.body("all"), .finished(FieldBlock(["x-sum": "3"]))])
    }

    @Test func aBackThatIsReadyAtOnceIsOpenWithinOpen() {
        let world = World()
        world.back.onOpen = { $0.backReady() }
        world.fromFront("early")
        world.exchange.open(deadline: nil, idle: nil)
        #expect(world.back.events == [.body("early")])
        #expect(world.front.events == [.taken])
    }

    @Test func aBackThatFailsAtOnceFailsTheFrontOnce() {
        let world = World()
        world.back.onOpen = { $0.backFailed(.lost) }
        world.exchange.open(deadline: world.worker.now + .seconds(1), idle: .seconds(1))
        #expect(world.front.events == [.failed(.connectionLost)])
        #expect(world.back.events == [.cancelled])
        #expect(world.worker.timers.count == 0)
        world.pass(.seconds(5))
        #expect(world.front.events.count == 1)
    }

    @Test func theBacksHeadAndBodyReachTheFrontInOrder() {
        let world = World()
        world.open()
        world.exchange.backOpened(FieldBlock([":status": "200"]))
        world.fromBack("a")
        world.fromBack("b", [.endsMessage, .text])
        world.exchange.backEnded(FieldBlock(["grpc-status": "0"]))
        #expect(
            world.front.events == [
                .opened(FieldBlock([":status": "200"])), .body("a"), .body("b", [.endsMessage, .text]),
                .finished(FieldBlock(["grpc-status": "0"])),
            ])
        #expect(world.back.events == [.taken, .taken, .detached])
        #expect(world.exchange.bytesOut == 2)
        #expect(world.exchange.backAddress == "192.0.2.1:7", "also when it is over")
    }

    // MARK: Back-pressure

    @Test func takenIsSaidForEachPieceWhileTheBackIsWritable() {
        let world = World()
        world.open()
        world.fromFront("a")
        #expect(world.front.events == [.taken])
        world.back.isWritable = false
        world.fromFront("b")
        world.fromFront("c")
        #expect(world.front.events == [.taken], "a back leg that is full has taken nothing")
        world.exchange.backWritable()
        #expect(world.front.events == [.taken], "not writable yet")
        world.back.isWritable = true
        world.exchange.backWritable()
        #expect(world.front.events == [.taken, .taken])
        #expect(world.back.events == [.body("a"), .body("b"), .body("c")])
    }

    @Test func aBackThatOpensFullHasTakenNothing() {
        let world = World()
        world.exchange.open(deadline: nil, idle: nil)
        world.fromFront("a")
        world.back.isWritable = false
        world.exchange.backReady()
        #expect(world.front.events.isEmpty)
        world.back.isWritable = true
        world.exchange.backWritable()
        #expect(world.front.events == [.taken])
    }

    @Test func aFrontThatIsFullStopsTheBackUntilItIsWritable() {
        let world = World()
        world.open()
        world.front.isWritable = false
        world.fromBack("a")
        #expect(world.back.events.isEmpty)
        world.exchange.frontWritable()
        #expect(world.back.events.isEmpty, "not writable yet")
        world.front.isWritable = true
        world.exchange.frontWritable()
        #expect(world.back.events == [.taken])
        world.exchange.frontWritable()
        #expect(world.back.events == [.taken], "taken is said once")
        #expect(world.front.events == [.body("a")])
    }

    @Test func whatComesAfterTheFrontsEndIsDroppedAndTaken() {
        let world = World()
        world.open()
        world.exchange.frontEnded()
        world.exchange.frontEnded()
        world.fromFront("late")
        #expect(world.back.events == [.finished(nil)])
        #expect(world.front.events == [.taken])
    }

    // MARK: Ends

    @Test func aBackThatStillListensKeepsTheExchangeOpenUntilTheFrontEnds() {
        let world = World(staysOpen: true)
        world.open()
        world.exchange.backEnded()
        #expect(world.front.events == [.finished(nil)])
        world.fromFront("still")
        world.fromBack("never")
        world.exchange.backEnded()
        world.exchange.frontEnded()
        #expect(world.back.events == [.body("still"), .finished(nil), .detached])
        #expect(world.front.events == [.finished(nil), .taken])
        #expect(world.exchange.isOver)
    }

    @Test func aClientThatLeavesLetsItsLastBytesGoOut() {
        let world = World()
        world.open()
        world.fromFront("last")
        world.exchange.frontClosed()
        #expect(world.back.events == [.body("last"), .finished(nil), .detached])
        world.exchange.frontClosed()
        #expect(world.back.events.count == 3)
    }

    @Test func aClientThatLeavesAfterItsEndIsNotEndedTwice() {
        let world = World()
        world.open()
        world.exchange.frontEnded()
        world.exchange.frontClosed()
        #expect(world.back.events == [.finished(nil), .detached])
    }

    @Test func aClientThatAbortsCancelsTheBackAndIsToldNothing() {
        let world = World()
        world.open()
        world.exchange.frontAborted(.gone)
        #expect(world.back.events == [.cancelled])
        #expect(world.front.events.isEmpty)
        #expect(world.exchange.failure == .gone)
    }

    @Test func aClientThatLeavesBeforeTheBackIsThereCancelsIt() {
        let world = World()
        world.exchange.open(deadline: nil, idle: nil)
        world.exchange.frontClosed()
        #expect(world.back.events == [.cancelled])
        world.exchange.backReady()
        #expect(world.back.events == [.cancelled])
    }

    @Test func whatAClientSaidBeforeTheBackWasThereGoesToItThoughTheClientIsGone() {
        let world = World()
        world.exchange.open(deadline: nil, idle: nil)
        world.fromFront("last")
        world.exchange.frontClosed()
        #expect(world.back.events.isEmpty && world.worker.departing == 1)
        // Said once more, it is one session all the same: a drain would wait for the other for ever.
        world.exchange.frontClosed()
        #expect(!world.exchange.isOver && world.worker.departing == 1)
        world.fromFront("never")
        world.exchange.backReady()
        #expect(world.back.events == [.body("last"), .finished(nil), .detached])
        #expect(world.exchange.isOver && world.worker.departing == 0)
    }

    @Test func aBackThatIsNotReachedIsNotWaitedForByAClientThatIsGone() {
        let world = World()
        world.exchange.open(deadline: nil, idle: nil)
        world.fromFront("last")
        world.exchange.frontClosed()
        world.exchange.backFailed(.lost)
        #expect(world.exchange.isOver && world.worker.departing == 0)
        #expect(world.front.events.isEmpty)
    }

    @Test func theFirstFailureIsTheOneThatIsTold() {
        let world = World()
        world.open()
        world.exchange.backFailed(.lost)
        world.exchange.fail(Failure(.draining, .bridge, .body, "draining"))
        world.exchange.frontAborted(.gone)
        #expect(world.front.events == [.failed(.connectionLost)])
        #expect(world.back.events == [.cancelled])
        #expect(world.exchange.failure == .lost)
    }

    @Test func nothingReachesALegAfterTheEnd() {
        let world = World()
        world.exchange.open(deadline: world.worker.now + .seconds(1), idle: .seconds(2))
        world.exchange.backReady()
        world.exchange.backFailed(.lost)
        world.front.forget()
        world.back.forget()
        world.fromFront("x")
        world.exchange.frontEnded()
        world.exchange.frontWritable()
        world.exchange.backReady()
        world.exchange.backOpened()
        world.fromBack("x")
        world.exchange.backEnded()
        world.exchange.backWritable()
        world.exchange.noteActivity()
        world.pass(.seconds(10))
        #expect(world.front.events.isEmpty && world.back.events.isEmpty)
        #expect(world.worker.timers.count == 0)
    }

    // MARK: Re-entrancy

    @Test func aLegMayEndTheExchangeFromAnyCallback() {
        let ends: [(Exchange) -> Void] = [
            { $0.frontAborted(.gone) }, { $0.frontClosed() }, { $0.backFailed(.lost) }, { $0.backEnded() },
            { $0.fail(.lost) },
        ]
        for (number, end) in ends.enumerated() {
            for trigger in 0..<7 {
                let world = World()
                var hasEnded = false
                let endOnce: (LegEvent) -> Void = { [exchange = world.exchange] _ in
                    if !hasEnded {
                        hasEnded = true
                        end(exchange)
                    }
                }
                world.exchange.open(deadline: world.worker.now + .seconds(9), idle: .seconds(9))
                world.fromFront("held", .endsMessage)
                world.fromFront("more")
                world.exchange.frontEnded()
                if trigger < 2 { world.back.onEvent = endOnce } else { world.front.onEvent = endOnce }
                world.exchange.backReady()
                switch trigger {
                case 0, 2: world.exchange.backOpened(FieldBlock())
                case 1, 3: world.fromBack("x")
                case 4: world.exchange.backEnded()
                case 5: world.exchange.backFailed(.lost)
                default: world.exchange.frontClosed()
                }
                let told = world.back.events.count { $0 == .cancelled || $0 == .detached }
                #expect(told == (world.exchange.isOver ? 1 : 0), "end \(number), trigger \(trigger)")
                #expect(world.exchange.isOver || !hasEnded, "end \(number), trigger \(trigger)")
                if let over = world.back.events.firstIndex(where: { $0 == .cancelled || $0 == .detached }) {
                    #expect(over == world.back.events.count - 1, "nothing after the end: \(number), \(trigger)")
                }
                world.back.onEvent = { _ in }
                world.front.onEvent = { _ in }
            }
        }
    }

    // MARK: Lifetime

    @Test(arguments: 0..<5)
    func anExchangeThatIsOverIsFreedWithItsLegs(_ way: Int) {
        weak var exchange: Exchange?
        weak var front: FakeFront?
        weak var back: FakeBack?
        weak var worker: Worker?
        do {
            let world = World(staysOpen: true)
            (exchange, front, back, worker) = (world.exchange, world.front, world.back, world.worker)
            world.exchange.open(deadline: world.worker.now + .seconds(100), idle: .seconds(100))
            world.fromFront("held", .endsMessage)
            if way > 0 { world.exchange.backReady() }
            switch way {
            case 0, 1: world.exchange.backFailed(.lost)
            case 2: world.exchange.frontAborted(.gone)
            case 3: world.exchange.frontClosed()
            default:
                world.exchange.backEnded()
                world.exchange.frontEnded()
            }
            #expect(world.exchange.isOver)
        }
        #expect(exchange == nil && front == nil && back == nil && worker == nil)
    }
}
