// rtbridge: what an exchange with `reconnect` does, step by step.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgePolicy
import NIOCore
import Testing

@testable import BridgeCore

struct ReconnectExchangeTests {
    /// A session that is open.
    private static func open(_ change: @escaping (inout ReconnectOptions) -> Void = { _ in }) -> ReconnectWorld {
        let world = ReconnectWorld(change)
        world.exchange.open(deadline: nil, idle: nil)
        world.connect()
        world.front.forget()
        return world
    }

    /// …and has lost its back-end after a byte.
    private static func lost(_ change: @escaping (inout ReconnectOptions) -> Void = { _ in }) -> ReconnectWorld {
        let world = open(change)
        world.exchange.backBody(ByteBuffer(string: "b"))
        world.front.forget()
        world.exchange.backFailed(.lost)
        return world
    }

    // MARK: Before the first byte

    @Test(arguments: ReconnectMode.allCases)
    func aBackThatIsNotThereIsDialledAgainAndTheClientHearsNothing(_ mode: ReconnectMode) {
        let world = ReconnectWorld { $0.policy.mode = mode }
        world.exchange.open(deadline: nil, idle: nil)
        world.exchange.backFailed(.lost)
        #expect(world.front.events.isEmpty && world.legs.count == 1)
        world.pass(.milliseconds(130))
        #expect(world.legs.count == 2)
        world.connect()
        #expect(world.front.events == [.taken, .opened(nil)])
    }

    @Test func theFailureAfterTheLastAttemptTellsHowManyThereWere() {
        let world = ReconnectWorld { $0.policy.maxAttempts = 2 }
        world.exchange.open(deadline: nil, idle: nil)
        world.exchange.backFailed(.lost)
        world.pass(.milliseconds(130))
        world.exchange.backFailed(.lost)
        #expect(world.front.events == [.failed(.connectionLost)])
        #expect(world.front.failure?.attempts?.count == 2 && world.front.failure?.attempts?.limit == 2)
        #expect(world.worker.timers.count == 0)
    }

    @Test func aMessageThatIsTooLongIsNotMendedByAnotherAttempt() {
        let world = Self.open()
        world.exchange.backFailed(Failure(.messageTooBig, .back, .body, "too long"))
        #expect(world.front.events == [.failed(.messageTooBig)])
        #expect(world.worker.timers.count == 0)
    }

    // MARK: After it

    @Test(arguments: [ReconnectMode.notify, .resume])
    func theClientStaysAndItsBytesGoToTheNextBackInOrder(_ mode: ReconnectMode) {
        let world = Self.open { $0.policy.mode = mode }
        world.fromFront("written;")
        world.back.write(8)
        world.fromFront("unwritten;")
        world.front.forget()
        world.exchange.backFailed(.lost)
        world.fromFront("held;")
        #expect(world.front.events == [.reconnecting(1), .taken, .taken])
        #expect(world.legs[0].isCancelled)
        world.pass(.milliseconds(130))
        world.connect()
        world.back.write(100)
        #expect(world.written == ["written;", "unwritten;held;"])
        #expect(world.front.events.contains(.reconnected))
    }

    @Test func resumeGoesOnInTheMiddleOfAMessage() {
        let world = Self.open()
        world.fromFront("abcdef")
        world.back.write(3)
        world.exchange.backFailed(.lost)
        world.pass(.milliseconds(130))
        world.connect()
        world.back.write(100)
        #expect(world.written == ["abc", "def"])
    }

    @Test func notifyBeginsWithAWholeMessage() {
        let world = Self.open { $0.policy.mode = .notify }
        world.fromFront("abc", [])
        world.back.write(2)
        world.exchange.backFailed(.lost)
        world.fromFront("def", [])
        world.pass(.milliseconds(130))
        world.connect()
        // The message still comes in when the new session is there.
        world.fromFront("ghi", .endsMessage)
        world.fromFront("next")
        world.back.write(100)
        #expect(world.written == ["ab", "next"])
        #expect(world.exchange.dropped == 1)
    }

    @Test func thePreambleComesFirstAndIsNeverSentAgain() {
        let world = Self.open { $0.preamble = "LOGIN " }
        world.fromFront("x")
        world.back.write(3)
        world.exchange.backFailed(.lost)
        world.pass(.milliseconds(130))
        world.connect()
        world.back.write(100)
        #expect(world.written == ["LOG", "LOGIN x"])
    }

    @Test(arguments: [ReconnectMode.notify, .resume])
    func anEndOfTheBackIsALossUnlessTheClientHasEnded(_ mode: ReconnectMode) {
        let world = Self.open { $0.policy.mode = mode }
        world.exchange.backEnded()
        #expect(world.front.events == [.reconnecting(1), .taken])
        world.pass(.milliseconds(130))
        world.connect()
        world.front.forget()
        world.exchange.frontEnded()
        world.exchange.backEnded()
        #expect(world.front.events == [.finished(nil)])
        #expect(world.exchange.isOver && world.worker.timers.count == 0)
    }

    @Test func anEndOfTheBackIsAnEndWhereTheModeIsClose() {
        let world = Self.open { $0.policy.mode = .close }
        world.exchange.backEnded()
        #expect(world.front.events == [.finished(nil)])
        #expect(world.exchange.isOver && world.worker.timers.count == 0)
    }

    /// The last bytes of a client that has closed are its last chance.
    @Test func theLastBytesOfAClientThatHasEndedAreResumed() {
        let world = Self.open()
        world.fromFront("last")
        world.exchange.frontEnded()
        world.exchange.backFailed(.lost)
        #expect(!world.exchange.isOver)
        world.pass(.milliseconds(130))
        world.connect()
        world.back.write(100)
        #expect(world.written == ["", "last"] && world.back.hasFinished)
    }

    // MARK: Bounds

    @Test func pauseTakesNoMoreThanItHolds() {
        let world = Self.lost { $0.bufferBytes = 4 }
        world.fromFront("abc")
        #expect(world.front.events == [.reconnecting(1), .taken, .taken])
        world.fromFront("de")
        #expect(world.front.events.count == 3, "not taken")
        world.pass(.milliseconds(130))
        world.connect()
        #expect(world.front.events.suffix(2) == [.taken, .opened(nil)])
        world.back.write(100)
        #expect(world.written.last == "abcde")
    }

    @Test func closeEndsWithAReasonThatNamesTheKey() {
        let world = Self.lost { ($0.bufferBytes, $0.overflow) = (4, .close) }
        world.fromFront("abcd")
        #expect(!world.exchange.isOver)
        world.fromFront("e")
        #expect(world.front.failure?.closeCode == 1013)
        #expect(world.front.failure?.reason.contains("reconnect.bufferBytes") == true)
        #expect(world.worker.timers.count == 0)
    }

    @Test func dropOldestCountsWhatItDrops() {
        let world = Self.lost { ($0.bufferBytes, $0.overflow) = (4, .dropOldest) }
        for text in ["aa", "bb", "cc"] { world.fromFront(text) }
        world.pass(.milliseconds(130))
        world.connect()
        world.back.write(100)
        #expect(world.written.last == "bbcc" && world.exchange.dropped == 1)
    }

    // MARK: Ends

    @Test func theHoldEndsAlsoWhileADialHangs() {
        let world = Self.lost { $0.policy.maxHold = .seconds(1) }
        world.pass(.milliseconds(130))
        world.pass(.milliseconds(800))
        #expect(!world.exchange.isOver)
        world.pass(.milliseconds(200))
        #expect(world.front.events.last == .failed(.connectionLost))
        #expect(world.back.isCancelled && world.worker.timers.count == 0)
        #expect(world.front.failure?.attempts?.count == 1)
    }

    @Test func aDialThatHangsFromTheBeginningEndsWithTheHold() {
        let world = ReconnectWorld { $0.policy.maxHold = .seconds(1) }
        world.exchange.open(deadline: nil, idle: nil)
        world.pass(.milliseconds(1100))
        #expect(world.front.events == [.failed(.connectTimeout)])
        #expect(world.front.failure?.reason.contains("reconnect.maxHold") == true)
    }

    @Test func reconnectingIsNoSignOfLife() {
        let world = ReconnectWorld { $0.policy.maxHold = .seconds(100) }
        world.exchange.open(deadline: nil, idle: .seconds(1))
        world.connect()
        for _ in 0..<20 where !world.exchange.isOver {
            world.exchange.backFailed(.lost)
            world.pass(.seconds(2))
            if !world.exchange.isOver { world.connect() }
        }
        #expect(world.front.events.contains(.failed(.idleTimeout)))
        #expect(world.worker.timers.count == 0)
    }

    @Test func aClientThatLeavesWhileItIsHeldEndsAll() {
        for dials in [false, true] {
            let world = Self.lost()
            if dials { world.pass(.milliseconds(130)) }
            world.exchange.frontClosed()
            #expect(world.exchange.isOver && world.worker.timers.count == 0)
            #expect(world.legs.allSatisfy { $0.isCancelled })
            world.pass(.seconds(10))
            #expect(world.legs.count == (dials ? 2 : 1))
        }
    }

    @Test func aDrainDoesNotKeepAClientWaitingThatHasNoSessionYet() {
        let world = ReconnectWorld()
        world.exchange.open(deadline: nil, idle: nil)
        world.exchange.stopWaiting()
        #expect(!world.exchange.isOver, "the first dial may succeed")
        world.exchange.backFailed(.lost)
        world.exchange.stopWaiting()
        #expect(world.front.failure?.httpStatus == 503)
        let late = ReconnectWorld()
        late.exchange.open(deadline: nil, idle: nil)
        late.worker.startDraining()
        late.exchange.backFailed(.lost)
        #expect(late.exchange.isOver, "no further attempt")
    }

    @Test func aHeldSessionIsFreedWithItsClient() {
        weak var exchange: Exchange?
        weak var reconnection: Reconnection?
        do {
            let world = Self.lost()
            (exchange, reconnection) = (world.exchange, world.exchange.reconnection)
            #expect(exchange != nil && reconnection != nil)
            world.exchange.frontClosed()
        }
        #expect(exchange == nil && reconnection == nil)
    }

    @Test(arguments: [ReconnectMode.resume, .notify])
    func whatAGoneClientSaidInAnOutageGoesToTheNextSession(_ mode: ReconnectMode) {
        weak var exchange: Exchange?
        do {
            let world = Self.lost { $0.policy.mode = mode }
            world.fromFront("held")
            world.exchange.frontClosed()
            exchange = world.exchange
            #expect(!world.exchange.isOver && world.worker.departing == 1)
            world.pass(.milliseconds(130))
            world.connect()
            world.back.write(100)
            #expect(world.written.last == "held" && world.back.hasFinished)
            #expect(world.exchange.isOver && world.worker.departing == 0 && world.worker.timers.count == 0)
        }
        #expect(exchange == nil)
    }

    @Test func aGoneClientsWordsWaitNoLongerThanTheHold() {
        let world = Self.lost { $0.policy.maxHold = .seconds(1) }
        world.fromFront("held")
        world.exchange.frontClosed()
        for _ in 0..<20 {
            world.pass(.milliseconds(100))
            if !world.exchange.isOver, world.back.exchange != nil { world.exchange.backFailed(.lost) }
        }
        #expect(world.exchange.isOver && world.worker.departing == 0 && world.worker.timers.count == 0)
        #expect(world.worker.held.used == 0)
    }
}
