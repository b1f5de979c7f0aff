// rtbridge: calls and the connections that they share.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import NIOCore
import Synchronization
import Testing

@testable import BridgeBacks
@testable import BridgeCore
@testable import HTTP2Session

struct GRPCConnectorTests {
    // MARK: Sharing

    @Test func callsShareOneConnection() async throws {
        let server = try await HTTP2Server()
        let world = try await GRPCCalls.world([server.port])
        var calls: [BackSession] = []
        for number in 0..<50 { calls.append(try await GRPCCalls.call(world, "\(number)")) }
        for (number, call) in calls.enumerated() { try await GRPCCalls.expectAnswer(call, "\(number)") }
        #expect(server.accepted == 1)
        await server.close()
    }

    /// A RST_STREAM a call would look like a flood to the back-end (CVE-2023-44487).
    @Test func callsThatEndedAreNotReset() async throws {
        let server = try await HTTP2Server()
        let world = try await GRPCCalls.world([server.port])
        for number in 0..<20 {
            try await GRPCCalls.expectAnswer(try await GRPCCalls.call(world, "\(number)"), "\(number)")
        }
        try await server.onConnections { #expect($0.requests.isEmpty) }
        #expect(server.resets.isEmpty)
        await server.close()
    }

    @Test func aCallThatIsGivenUpIsCancelledAndNoOther() async throws {
        let server = try await HTTP2Server(Self.holding(2))
        let world = try await GRPCCalls.world([server.port])
        let given = try await GRPCCalls.call(world, "given up")
        let kept = try await GRPCCalls.call(world, "kept")
        try await eventually("two requests", on: world.loop) { server.requested == 2 ? () : nil }
        try await given.run { $0.exchange.frontAborted(Failure(.aborted, .front, .body, "gone")) }
        try await eventually("the reset", on: world.loop) { server.resets == [.cancel] ? () : nil }
        try await server.onConnections { for request in $0.requests { request.echo() } }
        try await GRPCCalls.expectAnswer(kept, "kept")
        await server.close()
    }

    @Test func moreConnectionsAreOpenedWhenTheStreamLimitIsReached() async throws {
        var options = HTTP2Options()
        options.maxConcurrentStreams = 2
        let server = try await HTTP2Server(options: options) { _, _ in }
        let world = try await GRPCCalls.world([server.port])
        var calls: [BackSession] = []
        for number in 0..<7 { calls.append(try await GRPCCalls.call(world, "\(number)")) }
        try await eventually("seven requests", on: world.loop) { server.requested == 7 ? () : nil }
        #expect(server.open == 4)
        try await server.onConnections { connection in
            #expect(connection.requests.count <= 2)
            for request in connection.requests { request.echo() }
        }
        for (number, call) in calls.enumerated() { try await GRPCCalls.expectAnswer(call, "\(number)") }
        await server.close()
    }

    @Test func aCallWaitsWhereAllConnectionsAreFullAndGoesOnWhenOneIsNot() async throws {
        let maximum = GRPCConnector.maximumConnections
        var options = HTTP2Options()
        options.maxConcurrentStreams = 1
        let server = try await HTTP2Server(options: options, Self.holding(maximum))
        let world = try await GRPCCalls.world([server.port])
        var calls: [BackSession] = []
        for number in 0..<(maximum + 3) { calls.append(try await GRPCCalls.call(world, "\(number)")) }
        try await eventually("a request on each", on: world.loop) { server.requested == maximum ? () : nil }
        for call in calls[maximum...] { #expect(try await call.run { $0.takenCount } == 0) }
        try await server.onConnections { for request in $0.requests { request.echo() } }
        for (number, call) in calls.enumerated() { try await GRPCCalls.expectAnswer(call, "\(number)") }
        #expect(server.accepted == maximum)
        await server.close()
    }

    /// Answers what comes after the first requests at once, and those when the test says so.
    private static func holding(_ count: Int) -> HTTP2Server.Script {
        let seen = Counter()
        return { _, request in if seen.next() >= count { request.echo() } }
    }

    // MARK: The end of a connection

    @Test func aCallAfterGoawayGetsANewConnectionAndTheOldOneCloses() async throws {
        let server = try await HTTP2Server { connection, request in
            request.echo()
            if request.fields.string("last") != nil { connection.session.goaway(.noError) }
        }
        let world = try await GRPCCalls.world([server.port])
        try await GRPCCalls.expectAnswer(try await GRPCCalls.call(world, "one"), "one")
        let last = try await BackSession.open(
            world,
            request: FieldBlock([":method": "POST", ":scheme": "http", ":path": "/", ":authority": "t", "last": "1"]))
        try await last.send(HTTP1Request.frame("two"))
        try await last.end()
        try await GRPCCalls.expectAnswer(last, "two")
        #expect(server.accepted == 1)
        try await GRPCCalls.expectAnswer(try await GRPCCalls.call(world, "three"), "three")
        #expect(server.accepted == 2)
        try await eventually("the old one closed", on: world.loop) { server.open == 1 ? () : nil }
        await server.close()
    }

    @Test func callsInFlightEndInPeaceAfterGoaway() async throws {
        let server = try await HTTP2Server(Self.holding(1))
        let world = try await GRPCCalls.world([server.port])
        let call = try await GRPCCalls.call(world, "in flight")
        try await eventually("the request", on: world.loop) { server.requested == 1 ? () : nil }
        try await server.onConnections { $0.session.goaway(.noError) }
        try await eventually("the connection left", on: world.loop) {
            (world.bound.value.route.connector as? GRPCConnector)?.connections.isEmpty == true ? () : nil
        }
        try await GRPCCalls.expectAnswer(try await GRPCCalls.call(world, "next"), "next")
        #expect(server.accepted == 2)
        try await server.onConnections { for request in $0.requests { request.echo() } }
        try await GRPCCalls.expectAnswer(call, "in flight")
        await server.close()
    }

    /// RFC 9113 §5.1.1: identifiers are 31 bits, and "a client that is unable to establish a new stream identifier can
    /// establish a new connection for new streams".
    @Test func aConnectionWhoseStreamIdentifiersAreUsedUpIsReplaced() async throws {
        let server = try await HTTP2Server()
        let world = try await GRPCCalls.world([server.port])
        try await GRPCCalls.expectAnswer(try await GRPCCalls.call(world, "first"), "first")
        try await world.loop.submit {
            let connector = world.bound.value.route.connector as? GRPCConnector
            for connection in connector?.connections ?? [] {
                connection.session.nextID = Int32.max
            }
        }.get()
        for number in 0..<4 {
            try await GRPCCalls.expectAnswer(try await GRPCCalls.call(world, "\(number)"), "\(number)")
        }
        #expect(server.accepted == 2)
        await server.close()
    }

    @Test func aLostConnectionFailsItsCallsWithTheReasonAndTheNextCallDialsAnew() async throws {
        let server = try await HTTP2Server { _, _ in }
        let world = try await GRPCCalls.world([server.port])
        let calls = [try await GRPCCalls.call(world, "0"), try await GRPCCalls.call(world, "1")]
        try await eventually("two requests", on: world.loop) { server.requested == 2 ? () : nil }
        try await server.onConnections { $0.disconnect() }
        for call in calls {
            let failure = try await call.failure()
            #expect(failure.kind == .connectionLost && failure.grpcStatusCode == 14)
            #expect(failure.address == "127.0.0.1:\(server.port)")
            #expect(try await call.run { $0.ends } == 1)
        }
        _ = try await GRPCCalls.call(world, "2")
        try await eventually("a second connection", on: world.loop) { server.accepted == 2 ? () : nil }
        await server.close()
    }

    // MARK: Lifetime

    @Test func everythingIsFreedWhenTheWorldIsGone() async throws {
        let server = try await HTTP2Server()
        let weak = WeakParts()
        try await Self.liveAndDie(server, weak)
        let loop = weak.loop.withLock { $0 }
        try await eventually("the connection closed", on: try #require(loop)) { server.open == 0 ? () : nil }
        try await eventually("all freed", on: try #require(loop)) { weak.isEmpty ? () : nil }
        await server.close()
    }

    private static func liveAndDie(_ server: HTTP2Server, _ weak: WeakParts) async throws {
        let world = try await GRPCCalls.world([server.port])
        for number in 0..<3 {
            try await GRPCCalls.expectAnswer(try await GRPCCalls.call(world, "\(number)"), "\(number)")
        }
        let given = try await GRPCCalls.call(world, "given up")
        try await given.run { $0.exchange.frontAborted(Failure(.aborted, .front, .body, "gone")) }
        try await world.loop.submit {
            let connector = world.bound.value.route.connector as? GRPCConnector
            weak.note(world.bound.value.worker, connector, connector?.connections.first)
            connector?.shutdown()
        }.get()
        weak.loop.withLock { $0 = world.loop }
    }
}

/// Counts from 0.
private final class Counter: Sendable {
    private let count = Atomic<Int>(0)
    func next() -> Int { count.add(1, ordering: .relaxed).oldValue }
}
