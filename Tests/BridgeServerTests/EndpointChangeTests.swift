// rtbridge: endpoints that come and go, and sessions that end, while somebody is on the way to them.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgePolicy
import NIOCore
import Testing

@testable import BridgeBacks
@testable import BridgeCore

struct EndpointChangeTests {
    private static func balanced(_ port: Int) async throws -> BackWorld {
        var backend = Backend(name: "b", protocol: .grpc, endpoints: [.host("127.0.0.1", port: port)])
        // A call waits for the next attempt: it is no further away than connecting may take.
        backend.backoff = BackoffParameters(
            initial: .seconds(600), multiplier: 1, max: .seconds(600), jitter: .fraction(0))
        backend.connectTimeout = .seconds(3600)
        return try await BackWorld.make(backend) { backend, worker, _ in
            GRPCBalancer(backend: backend, worker: worker, breaker: nil)
        }
    }

    private static func replace(_ world: BackWorld, _ port: Int) async throws {
        try await world.loop.submit {
            let balancer = world.bound.value.route.connector as? GRPCBalancer
            balancer?.endpoints.replace([.host("127.0.0.1", port: port)])
        }.get()
    }

    @Test func aCallThatWaitsForAnAddressThatIsNoMoreGoesToAnotherOne() async throws {
        let world = try await Self.balanced(try await RawServer.deadPort())
        let refused = try await GRPCCalls.call(world, "first").failure()
        #expect(refused.kind == .connectFailed)
        let call = try await GRPCCalls.call(world, "second")
        let server = try await HTTP2Server()
        try await Self.replace(world, server.port)
        try await GRPCCalls.expectAnswer(call, "second")
        let load = try await world.loop.submit {
            (world.bound.value.route.connector as? GRPCBalancer)?.endpoints.endpoints.map(\.load)
        }.get()
        #expect(load == [0])
        await server.close()
    }

    /// The connection that was being made when its address went is of no use to anybody.
    @Test func aConnectionToAnAddressThatIsNoMoreIsClosed() async throws {
        // Takes connections and does not say its SETTINGS yet.
        let silent = try await RawServer()
        let world = try await Self.balanced(silent.port)
        let call = try await GRPCCalls.call(world, "x")
        let peer = try await silent.connection(0)
        let server = try await HTTP2Server()
        try await Self.replace(world, server.port)
        try await GRPCCalls.expectAnswer(call, "x")
        // RFC 9113 §6.5: an empty SETTINGS frame.
        try await peer.send(ByteBuffer(bytes: [0, 0, 0, 4, 0, 0, 0, 0, 0]))
        try await peer.wait("the end") { $0.hasEnded }
        await silent.close()
        await server.close()
    }

    /// A client that gives up says nothing about the endpoints that it did not wait for.
    @Test func aSessionThatIsOverTriesNoFurtherEndpointAndCountsAgainstNone() async throws {
        var backend = Backend(
            name: "b", protocol: .tcp, endpoints: (1...3).map { .host("127.0.0.\($0)", port: 7) })
        var outliers = OutlierParameters()
        outliers.consecutiveFailures = 1
        outliers.maxEjectionPercent = 100
        backend.outlierDetection = outliers
        let world = try await BackWorld.make(backend) { _, _, _ in
            let connector = ScriptedConnector()
            connector.onOpen = { _ in }
            return connector
        }
        let session = try await BackSession.open(world)
        let (dialled, ends, metrics) = try await session.run { [backend] front in
            let worker = front.exchange.worker
            let endpoints = SessionEndpoints(backend, worker, CircuitBreaker(BreakerLimits()))
            var dialled: [String] = []
            var answers: [(Result<any Channel, Failure>) -> Void] = []
            var ends = 0
            endpoints.connect(for: front.exchange) { endpoint, answer in
                dialled.append(endpoint.text)
                answers.append(answer)
            } done: { _ in
                ends += 1
            }
            front.exchange.frontAborted(Failure(.aborted, .front, .body, "gone"))
            // What cancelling a dial leads to.
            while let answer = answers.popLast() {
                answer(.failure(Failure(.connectFailed, .back, .connect, "closed")))
            }
            return (dialled, ends, worker.counters.samples.text)
        }
        #expect(dialled.count == 1 && ends == 1)
        #expect(!metrics.contains("rtbridge_ejections_total"))
    }
}
