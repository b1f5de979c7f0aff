// rtbridge: sessions whose TCP back-end is lost, on real sockets.
// SPDX-License-Identifier: Apache-2.0

import BridgeBacks
import BridgeConfig
import BridgePolicy
import NIOCore
import Testing

@testable import BridgeCore

struct ReconnectTCPTests {
    private static func world(
        _ port: Int, _ mode: ReconnectMode, host: String = "127.0.0.1",
        _ change: @escaping @Sendable (inout ReconnectOptions) -> Void = { _ in }
    ) async throws -> BackWorld {
        let backend = Backend(name: "b", protocol: .tcp, endpoints: [.host(host, port: port)])
        return try await BackWorld.make(backend) { route in
            var options = ReconnectOptions()
            options.policy.mode = mode
            options.policy.backoff = BackoffParameters(
                initial: .milliseconds(5), multiplier: 2, max: .milliseconds(50), jitter: .full)
            options.policy.maxHold = .seconds(60)
            options.policy.resetAfter = .zero
            change(&options)
            route.reconnect = options
        } connector: { backend, worker, _ in
            TCPConnector(backend: backend, worker: worker)
        }
    }

    private static func opened(_ world: BackWorld) async throws -> BackSession {
        let session = try await BackSession.open(world)
        try await session.wait("the connection") { $0.isOpen }
        return session
    }

    private static func numbers(_ count: Int) -> ByteBuffer {
        Array(0..<UInt32(count)).withUnsafeBytes { ByteBuffer(bytes: $0) }
    }

    /// The kernel took a part of a write, and nobody but send(2) knows how much. A peer that ends in order and reads to
    /// the end sees just that.
    @Test(arguments: [1, 2, 3])
    func whatTheKernelDidNotTakeGoesToTheNextConnectionToTheByte(_ pieces: Int) async throws {
        let server = try await RawServer(reads: false)
        let world = try await Self.world(server.port, .resume)
        let session = try await Self.opened(world)
        let body = Self.numbers(5_000_000)
        var rest = body
        let size = body.readableBytes / pieces + 1
        while let piece = rest.readSlice(length: min(size, rest.readableBytes)), piece.readableBytes > 0 {
            try await session.send(piece, .endsMessage)
        }
        let first = try await server.connection(0)
        try await first.endOutput()
        let second = try await server.connection(1)
        try await first.startReading()
        let taken = try await first.wait("the end of the first") { $0.hasEnded || $0.isClosed }.bytes
        try await second.startReading()
        let more = try await second.wait("the rest") {
            taken.readableBytes + $0.bytes.readableBytes >= body.readableBytes
        }.bytes
        #expect(taken.readableBytes > 0 && more.readableBytes > 0, "the write was cut")
        var all = taken
        all.writeImmutableBuffer(more)
        #expect(all == body)
        #expect(try await session.run { $0.ends } == 0)
        try await session.leave()
        await server.close()
    }

    /// What waits behind a full socket is written by and by, whoever reads slowly.
    @Test func aConnectionThatIsFullGoesOnWhenThereIsRoom() async throws {
        let server = try await RawServer(reads: false)
        let world = try await Self.world(server.port, .notify)
        let session = try await Self.opened(world)
        let body = Self.numbers(5_000_000)
        let takenBefore = try await session.run { $0.takenCount }
        try await session.send(body, .endsMessage)
        #expect(try await session.run { $0.takenCount } == takenBefore, "full is not taken")
        let peer = try await server.connection(0)
        try await session.leave()
        try await peer.startReading()
        let seen = try await peer.wait("all of it") { $0.hasEnded }
        #expect(seen.bytes == body)
        await server.close()
    }

    @Test func thePreambleComesFirstOnEachConnection() async throws {
        let server = try await RawServer()
        let world = try await Self.world(server.port, .notify) { $0.preamble = "LOGIN\n" }
        let session = try await BackSession.open(world)
        try await session.send(ByteBuffer(string: "one"), .endsMessage)
        let first = try await server.connection(0)
        try await first.wait(for: "LOGIN\none")
        try await first.reset()
        let second = try await server.connection(1)
        try await second.wait(for: "LOGIN\n")
        try await session.send(ByteBuffer(string: "two"), .endsMessage)
        try await second.wait(for: "LOGIN\ntwo")
        try await session.leave()
        await server.close()
    }

    @Test func theBackEndsLastBytesArriveBeforeTheNewSessionsFirst() async throws {
        let server = try await RawServer()
        let world = try await Self.world(server.port, .resume)
        let session = try await Self.opened(world)
        let first = try await server.connection(0)
        let body = Self.numbers(500_000)
        try await first.send(body)
        try await first.endOutput()
        let second = try await server.connection(1)
        try await second.send("new")
        try await session.wait("both") { $0.body.readableBytes >= body.readableBytes + 3 }
        var expected = body
        expected.writeString("new")
        #expect(try await session.run { $0.body } == expected)
        try await session.leave()
        await server.close()
    }

    @Test func aBackEndThatComesLateIsReachedBeforeTheFirstByte() async throws {
        let port = try await RawServer.deadPort()
        let world = try await Self.world(port, .close)
        let session = try await BackSession.open(world)
        try await eventually("a failed attempt", on: world.loop) {
            world.bound.value.worker.timers.count == 2 ? () : nil
        }
        let server = try await RawServer(port: port)
        try await session.wait("the connection") { $0.isOpen }
        #expect(try await session.run { $0.ends } == 0)
        try await session.leave()
        await server.close()
    }

    @Test(arguments: ReconnectMode.allCases)
    func theLastFailureTellsOfTheAttempts(_ mode: ReconnectMode) async throws {
        let port = try await RawServer.deadPort()
        let world = try await Self.world(port, mode) { $0.policy.maxAttempts = 3 }
        let session = try await BackSession.open(world)
        let failure = try await session.failure()
        #expect(failure.kind == .connectFailed && failure.attempts?.count == 3 && failure.attempts?.limit == 3)
        let message = failure.message(route: "r", isBrief: false)
        #expect(message.hasPrefix("route r: 127.0.0.1:\(port): connect: connection refused (attempt 3 of 3, "))
        #expect(try await world.timers() == 0)
    }

    @Test func closeEndsASessionThatHadBegunAsItDoesWithoutReconnect() async throws {
        let server = try await RawServer()
        let world = try await Self.world(server.port, .close)
        let session = try await Self.opened(world)
        try await session.send("x")
        let peer = try await server.connection(0)
        try await peer.wait(for: "x")
        try await peer.reset()
        let failure = try await session.failure()
        #expect(failure.kind == .connectionLost && failure.attempts == nil)
        #expect(server.connections.count == 1)
        #expect(try await world.timers() == 0)
        await server.close()
    }

    /// A name, so that the resolver and RFC 8305's race are in it; the client leaves while the back-end is dialled, or
    /// while the next dial is waited for; nothing that it said waits with it.
    @Test(arguments: ["127.0.0.1", "localhost"], [false, true])
    func aClientThatLeavesWhileItIsHeldLeavesNothing(_ host: String, _ isListening: Bool) async throws {
        let server = try await RawServer()
        let world = try await Self.world(server.port, .resume, host: host) {
            // Time enough to leave before the next dial.
            if isListening { $0.policy.backoff = .grpcConnection }
        }
        let session = try await Self.opened(world)
        let peer = try await server.connection(0)
        if !isListening { await server.close() } else { try await peer.reset() }
        try await eventually("the loss", on: world.loop) { world.bound.value.worker.timers.count == 2 ? () : nil }
        try await session.leave()
        #expect(try await world.timers() == 0)
        #expect(try await session.run { $0.ends } == 0)
        for connection in server.connections {
            try await connection.wait("closed") { $0.hasEnded || $0.isClosed }
        }
        await server.close()
    }

    /// A back-end that does not answer the SYN: its queue is full. The dial goes with its client.
    @Test func aDialThatHangsIsGivenUpWithItsClient() async throws {
        let server = try await RawServer(backlog: 1, accepts: false)
        var fillers: [RawConnection] = []
        // Linux lets one more in than the backlog says.
        for _ in 0..<2 { fillers.append(try await RawConnection.connect(to: server.address)) }
        let world = try await Self.world(server.port, .resume)
        let session = try await BackSession.open(world)
        try await session.leave()
        #expect(try await world.timers() == 0)
        // Those that wait are let in; the one that was given up is not among them, or is closed.
        try await server.startAccepting()
        for number in fillers.indices { _ = try await server.connection(number) }
        for filler in fillers { await filler.close() }
        for connection in server.connections { try await connection.wait("closed") { $0.hasEnded || $0.isClosed } }
        await server.close()
    }
}
