// rtbridge: sessions whose UDP back-end is not there, on real sockets.
// SPDX-License-Identifier: Apache-2.0

import BridgeBacks
import BridgeConfig
import BridgePolicy
import NIOCore
import Testing

@testable import BridgeCore

struct ReconnectUDPTests {
    private static func world(_ port: Int, _ limiter: SessionLimiter) async throws -> BackWorld {
        let backend = Backend(name: "b", protocol: .udp, endpoints: [.host("127.0.0.1", port: port)])
        return try await BackWorld.make(backend) { route in
            var options = ReconnectOptions()
            options.policy.mode = .resume
            options.policy.backoff = BackoffParameters(
                initial: .milliseconds(5), multiplier: 2, max: .milliseconds(50), jitter: .full)
            options.policy.maxHold = .seconds(60)
            options.preamble = "hello"
            route.reconnect = options
        } connector: { backend, worker, _ in
            UDPConnector(backend: backend, worker: worker, limiter: limiter)
        }
    }

    /// Each error of the socket makes a new one. Datagrams that an error left unsent go out by it; none comes twice.
    @Test func datagramsGoOnWithNewSocketsAndNoneComesTwice() async throws {
        let gone = try await DatagramServer()
        let port = gone.port
        await gone.close()
        let limiter = SessionLimiter(maximum: 1, maximumPerClient: 1)
        let world = try await Self.world(port, limiter)
        let session = try await BackSession.open(world)
        try await session.wait("the socket") { $0.isOpen }
        for number in 0..<50 { try await session.send(ByteBuffer(string: "lost \(number)"), .endsMessage) }
        try await eventually("the loss", on: world.loop) { world.bound.value.worker.timers.count == 2 ? () : nil }
        let server = try await DatagramServer(port: port)
        for number in 0..<20 { try await session.send(ByteBuffer(string: "kept \(number)"), .endsMessage) }
        try await eventually("the last", on: world.loop) { server.seen.contains("kept 19") ? () : nil }
        let seen = server.seen
        #expect(seen.first == "hello")
        let kept = seen.filter { $0.hasPrefix("kept") }
        #expect(kept == (0..<20).map { "kept \($0)" })
        #expect(Set(seen).count == seen.count - seen.count { $0 == "hello" } + 1, "a datagram came twice: \(seen)")
        #expect(try await session.run { $0.ends } == 0)
        try await session.leave()
        #expect(limiter.enter("198.51.100.1") == nil, "the session's place is free")
        await server.close()
    }
}
