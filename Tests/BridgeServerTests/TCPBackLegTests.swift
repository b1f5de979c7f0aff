// rtbridge: sessions with a TCP back-end.
// SPDX-License-Identifier: Apache-2.0

import BridgeBacks
import BridgeConfig
import NIOCore
import Testing

@testable import BridgeCore

struct TCPBackLegTests {
    private static func world(
        _ server: RawServer, linger: TimeAmount = .seconds(5),
        _ change: @escaping @Sendable (inout Route) -> Void = { _ in }
    ) async throws -> BackWorld {
        let backend = Backend(name: "b", protocol: .tcp, endpoints: [.host("127.0.0.1", port: server.port)])
        return try await BackWorld.make(backend, change) { backend, worker, _ in
            TCPConnector(backend: backend, worker: worker, lingerTime: linger)
        }
    }

    /// A session whose back-end is there.
    private static func opened(_ world: BackWorld) async throws -> BackSession {
        let session = try await BackSession.open(world)
        try await session.wait("the connection") { $0.isOpen }
        return session
    }

    @Test func bytesGoBothWays() async throws {
        let server = try await RawServer()
        let world = try await Self.world(server)
        let session = try await BackSession.open(world)
        try await session.send("early")
        let peer = try await server.connection(0)
        try await peer.wait(for: "early")
        try await peer.send("hello")
        try await session.wait("hello") { $0.body == ByteBuffer(string: "hello") && $0.isOpen }
        try await session.leave()
        try await peer.wait("the end") { $0.hasEnded }
        await server.close()
    }

    /// The client's last bytes arrive before the end, which is FIN and not a reset.
    @Test func theClientsLastBytesReachTheBackBeforeItsEnd() async throws {
        let server = try await RawServer(reads: false)
        let world = try await Self.world(server)
        let session = try await Self.opened(world)
        let peer = try await server.connection(0)
        let body = ByteBuffer(repeating: 7, count: 8_000_000)
        try await session.send(body)
        try await session.leave()
        try await peer.startReading()
        let seen = try await peer.wait("all of it") { $0.hasEnded }
        #expect(seen.bytes == body)
        await peer.close()
        try await eventually("no timer", on: world.loop) { world.bound.value.worker.timers.count == 0 ? () : nil }
        await server.close()
    }

    /// The lingering is for the peer's end: bytes that the back-end takes slowly have as long as an idle session.
    @Test func aBackThatReadsSlowlyStillGetsTheLastBytes() async throws {
        let server = try await RawServer(reads: false)
        let world = try await Self.world(server, linger: .milliseconds(20))
        let session = try await Self.opened(world)
        let peer = try await server.connection(0)
        let body = ByteBuffer(repeating: 7, count: 20_000_000)
        try await session.send(body)
        try await session.leave()
        // Ten times the lingering, by a timer of the same wheel.
        try await world.loop.scheduleTask(in: .milliseconds(200)) {}.futureResult.get()
        try await peer.startReading()
        let seen = try await peer.wait("all of it") { $0.hasEnded }
        #expect(seen.bytes.readableBytes == body.readableBytes)
        await server.close()
    }

    @Test func aBackThatNeverReadsIsLetGoAfterTheIdleTime() async throws {
        let server = try await RawServer(reads: false)
        let world = try await Self.world(server, linger: .milliseconds(20)) { $0.timeouts.idle = .milliseconds(100) }
        let session = try await Self.opened(world)
        try await session.send(ByteBuffer(repeating: 7, count: 20_000_000))
        try await session.leave()
        try await eventually("no timer", on: world.loop) { world.bound.value.worker.timers.count == 0 ? () : nil }
        await server.close()
    }

    @Test func aBackThatDoesNotEndIsLetGoAfterTheLingering() async throws {
        let server = try await RawServer()
        let world = try await Self.world(server, linger: .milliseconds(20))
        let session = try await Self.opened(world)
        let peer = try await server.connection(0)
        try await session.send("x")
        try await session.leave()
        try await peer.wait("the end") { $0.bytes == ByteBuffer(string: "x") && $0.hasEnded }
        try await eventually("no timer", on: world.loop) { world.bound.value.worker.timers.count == 0 ? () : nil }
        // What it says now meets a closed socket.
        try? await peer.send("still here")
        try await peer.wait("closed") { $0.isClosed }
        await server.close()
    }

    @Test func whatTheBackSentBeforeItsEndArrives() async throws {
        let server = try await RawServer()
        let world = try await Self.world(server) { $0.tcp.halfClose = false }
        let session = try await Self.opened(world)
        let peer = try await server.connection(0)
        let body = ByteBuffer(repeating: 9, count: 3_000_000)
        try await peer.send(body)
        await peer.close()
        try await session.wait("the end") { $0.isFinished }
        #expect(try await session.run { $0.body } == body)
        #expect(try await session.run { $0.ends } == 1)
        await server.close()
    }

    @Test func aBackThatHalfClosesStillHearsTheClient() async throws {
        let server = try await RawServer()
        let world = try await Self.world(server)
        let session = try await Self.opened(world)
        let peer = try await server.connection(0)
        try await peer.endOutput()
        try await session.wait("the end") { $0.isFinished }
        try await session.send("more")
        try await peer.wait(for: "more")
        try await session.leave()
        try await peer.wait("closed") { $0.isClosed || $0.hasEnded }
        await server.close()
    }

    @Test func aResetOfTheBackFailsTheSessionOnce() async throws {
        let server = try await RawServer()
        let world = try await Self.world(server)
        let session = try await Self.opened(world)
        let peer = try await server.connection(0)
        try await peer.reset()
        let failure = try await session.failure()
        #expect(failure.kind == .connectionLost && failure.reason == "connection reset by peer")
        #expect(failure.address == "127.0.0.1:\(server.port)")
        #expect(try await session.run { $0.ends } == 1)
        #expect(try await world.timers() == 0)
        await server.close()
    }

    @Test func nobodyThereIsConnectionRefused() async throws {
        let server = try await RawServer()
        await server.close()
        let world = try await Self.world(server)
        let session = try await BackSession.open(world)
        let failure = try await session.failure()
        #expect(failure.kind == .connectFailed && failure.reason == "connection refused" && failure.phase == .connect)
    }

    @Test func aClientThatLeavesWhileItIsDialledLeavesNoConnection() async throws {
        let server = try await RawServer()
        let world = try await Self.world(server)
        let session = try await BackSession.open(world)
        try await session.leave()
        let peer = try await server.connection(0)
        try await peer.wait("closed") { $0.hasEnded || $0.isClosed }
        #expect(try await session.run { $0.ends } == 0)
        await server.close()
    }

    /// Back-pressure goes through TCP's own window, and nothing piles up between.
    @Test func aFrontThatIsFullStopsTheReading() async throws {
        let server = try await RawServer()
        let world = try await Self.world(server)
        let session = try await BackSession.open(world)
        try await session.run { $0.isWritable = false }
        let peer = try await server.connection(0)
        let body = ByteBuffer(repeating: 5, count: 30_000_000)
        async let writing: Void = peer.send(body)
        try await session.wait("the first piece") { !$0.pieces.isEmpty }
        let before = try await session.run { $0.body.readableBytes }
        // A round trip to the peer's loop and back, so that more would have come.
        for _ in 0..<20 { try await peer.channel.eventLoop.submit {}.get() }
        #expect(try await session.run { $0.body.readableBytes } == before)
        try await session.run { front in
            front.isWritable = true
            front.exchange.frontWritable()
        }
        try await writing
        try await session.wait("all of it") { $0.body.readableBytes == 30_000_000 }
        await server.close()
    }
}
