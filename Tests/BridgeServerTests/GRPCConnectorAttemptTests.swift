// rtbridge: attempts to reach a gRPC back-end, and the time between them.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgePolicy
import NIOCore
import Testing

@testable import BridgeBacks
@testable import BridgeCore

struct GRPCConnectorAttemptTests {
    private static let slowBackoff = BackoffParameters(
        initial: .seconds(2), multiplier: 1, max: .seconds(2), jitter: .fraction(0))

    @Test func callsThatWaitForAnAttemptFailWithItsReason() async throws {
        let port = try await RawServer.deadPort()
        let world = try await GRPCCalls.world([port])
        var calls: [BackSession] = []
        for number in 0..<5 { calls.append(try await GRPCCalls.call(world, "\(number)")) }
        for call in calls {
            let failure = try await call.failure()
            #expect(failure.kind == .connectFailed && failure.reason == "connection refused")
            #expect(failure.address == "127.0.0.1:\(port)")
        }
    }

    /// gRPC connection-backoff.md: the next attempt comes no earlier than the backoff says.
    @Test func aCallDuringTheBackoffWaitsForTheNextAttempt() async throws {
        let port = try await RawServer.deadPort()
        let world = try await GRPCCalls.world([port]) { $0.backoff = Self.slowBackoff }
        let first = try await GRPCCalls.call(world, "first")
        _ = try await first.failure()
        let second = try await GRPCCalls.call(world, "second")
        _ = try await second.failure()
        let times = [try await first.run { $0.failedAt }, try await second.run { $0.failedAt }].compactMap { $0 }
        #expect(times.count == 2 && times[1] - times[0] >= .seconds(2))

        let third = try await GRPCCalls.call(world, "third")
        let server = try await HTTP2Server(port: port)
        try await GRPCCalls.expectAnswer(third, "third")
        await server.close()
    }

    @Test func aCallDuringALongBackoffFailsAtOnceWithTheLastReason() async throws {
        let port = try await RawServer.deadPort()
        let world = try await GRPCCalls.world([port]) {
            $0.backoff = BackoffParameters(
                initial: .seconds(60), multiplier: 1, max: .seconds(60), jitter: .fraction(0))
        }
        _ = try await GRPCCalls.call(world, "first").failure()
        let second = try await BackSession.open(world)
        #expect(try await second.run { $0.failure?.reason } == "connection refused", "without another turn of the loop")
    }

    @Test func aCallThatIsGivenUpWhileItWaitsIsForgotten() async throws {
        let port = try await RawServer.deadPort()
        let world = try await GRPCCalls.world([port]) { $0.backoff = Self.slowBackoff }
        _ = try await GRPCCalls.call(world, "first").failure()
        let waiting = try await GRPCCalls.call(world, "waiting")
        try await waiting.run { $0.exchange.frontAborted(Failure(.aborted, .front, .body, "gone")) }
        let server = try await HTTP2Server(port: port)
        try await GRPCCalls.expectAnswer(try await GRPCCalls.call(world, "next"), "next")
        #expect(try await waiting.run { $0.ends } == 0)
        await server.close()
    }

    @Test func everyEndpointIsTriedAndTheyTakeTurns() async throws {
        let dead = try await RawServer.deadPort()
        let server = try await HTTP2Server()
        for ports in [[dead, server.port], [server.port, dead]] {
            let world = try await GRPCCalls.world(ports)
            try await GRPCCalls.expectAnswer(try await GRPCCalls.call(world, "x"), "x")
        }
        await server.close()
    }

    @Test func aBackThatClosesBeforeItsSettingsIsNoHTTP2() async throws {
        let server = try await RawServer()
        let world = try await GRPCCalls.world([server.port])
        let call = try await GRPCCalls.call(world, "x")
        let peer = try await server.connection(0)
        try await peer.wait("the preface") { $0.bytes.readableBytes > 24 }
        await peer.close()
        let failure = try await call.failure()
        #expect(failure.kind == .connectionLost && failure.phase == .http2)
        #expect(failure.reason.hasSuffix("before its SETTINGS frame: does it speak HTTP/2?"))
        await server.close()
    }

    @Test func aBackThatSpeaksHTTP1FailsTheCall() async throws {
        let server = try await RawServer()
        let world = try await GRPCCalls.world([server.port])
        let call = try await GRPCCalls.call(world, "x")
        try await server.connection(0).send("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        let failure = try await call.failure()
        #expect(failure.phase == .http2 && failure.grpcStatusCode == 14)
        await server.close()
    }

    // MARK: Probes

    @Test func aProbeSaysWhetherTheBackCanBeReached() async throws {
        let port = try await RawServer.deadPort()
        let world = try await GRPCCalls.world([port])
        #expect(try await Self.probe(world)?.reason == "connection refused")
        let server = try await HTTP2Server(port: port)
        #expect(try await Self.probe(world) == nil, "a probe does not wait for the backoff")
        #expect(try await Self.probe(world) == nil)
        #expect(server.accepted == 1)
        await server.close()
    }

    private static func probe(_ world: BackWorld) async throws -> Failure? {
        let promise = world.loop.makePromise(of: Failure?.self)
        world.loop.execute { world.bound.value.route.connector.probe { promise.succeed($0) } }
        return try await promise.futureResult.get()
    }
}
