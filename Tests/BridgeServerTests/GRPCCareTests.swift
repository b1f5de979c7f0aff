// rtbridge: connections to gRPC back-ends that nobody uses, or that have died.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgePolicy
import BridgeWire
import NIOCore
import Testing

@testable import BridgeBacks
@testable import BridgeCore

struct GRPCCareTests {
    @Test func aConnectionWithoutCallsIsClosedAndTheNextCallGetsAnother() async throws {
        let server = try await HTTP2Server()
        let world = try await GRPCCalls.world([server.port]) { $0.idleTimeout = .milliseconds(20) }
        try await GRPCCalls.expectAnswer(try await GRPCCalls.call(world, "x"), "x")
        try await eventually("the close", on: world.loop) { server.open == 0 ? () : nil }
        try await GRPCCalls.expectAnswer(try await GRPCCalls.call(world, "y"), "y")
        #expect(server.accepted == 2)
        await server.close()
    }

    @Test func aCallKeepsItsConnectionHoweverLongItIsSilent() async throws {
        let server = try await HTTP2Server { _, _ in }
        let world = try await GRPCCalls.world([server.port]) {
            $0.idleTimeout = .milliseconds(20)
            // The server answers each PING, so nothing is given up.
            $0.keepalive.interval = .milliseconds(20)
            $0.keepalive.timeout = .seconds(30)
        }
        let call = try await GRPCCalls.call(world, "x")
        try await eventually("the request", on: world.loop) { server.requested == 1 ? () : nil }
        try await eventually("several pings", on: world.loop) {
            let connector = world.bound.value.route.connector as? GRPCConnector
            return (connector?.connections.first?.pingsAnswered ?? 0) >= 3 ? () : nil
        }
        #expect(server.open == 1)
        try await server.onConnections { for request in $0.requests { request.echo() } }
        try await GRPCCalls.expectAnswer(call, "x")
        await server.close()
    }

    @Test func aConnectionThatAnswersNoPingIsGivenUpWithItsCalls() async throws {
        let server = try await RawServer()
        let world = try await GRPCCalls.world([server.port]) {
            $0.keepalive.interval = .milliseconds(20)
            $0.keepalive.timeout = .milliseconds(20)
        }
        let call = try await GRPCCalls.call(world, "x")
        // An empty SETTINGS frame (RFC 9113 §6.5), and nothing after it.
        try await server.connection(0).send(ByteBuffer(bytes: [0, 0, 0, 4, 0, 0, 0, 0, 0]))
        let failure = try await call.failure()
        #expect(failure.kind == .connectionLost && failure.reason == "no answer to a PING (keepalive.timeout)")
        #expect(failure.grpcStatusCode == 14)
        await server.close()
    }

    // MARK: Limits

    @Test func aCallThatMayNotWaitIsToldTheLimit() async throws {
        // Connections are taken and never answered: calls wait.
        let server = try await RawServer()
        let world = try await GRPCCalls.world([server.port]) {
            var limits = BreakerLimits()
            limits.maxPendingRequests = 2
            $0.circuitBreaker = limits
        }
        let waiting = [try await GRPCCalls.call(world, "0"), try await GRPCCalls.call(world, "1")]
        let failure = try await GRPCCalls.call(world, "2").failure()
        #expect(failure.kind == .overloaded && failure.reason.contains("circuitBreaker.maxPendingRequests"))
        // A place that is given up is free again.
        try await waiting[0].run { $0.exchange.frontAborted(Failure(.aborted, .front, .body, "gone")) }
        let next = try await GRPCCalls.call(world, "3")
        #expect(try await next.run { $0.failure } == nil)
        await server.close()
    }

    @Test func connectionsAreNoMoreThanAllowedOverAllEndpoints() async throws {
        let servers = [try await HTTP2Server(), try await HTTP2Server()]
        let world = try await GRPCCalls.world(servers.map(\.port)) {
            var limits = BreakerLimits()
            limits.maxConnections = 1
            $0.circuitBreaker = limits
        }
        for number in 0..<10 {
            try await GRPCCalls.expectAnswer(try await GRPCCalls.call(world, "\(number)"), "\(number)")
        }
        #expect(servers.map(\.accepted).reduce(0, +) == 1)
        for server in servers { await server.close() }
    }

    // MARK: Many endpoints

    /// RFC 8305: an address that does not answer is not waited for.
    @Test func aSlowEndpointIsNotWaitedFor() async throws {
        let mute = try await RawServer()
        let server = try await HTTP2Server()
        for ports in [[mute.port, server.port], [server.port, mute.port]] {
            let world = try await GRPCCalls.world(ports) { $0.connectTimeout = .seconds(60) }
            try await GRPCCalls.expectAnswer(try await GRPCCalls.call(world, "x"), "x")
        }
        await server.close()
        await mute.close()
    }

    @Test func addressesThatComeAndGoTakeTheirConnectionsWithThem() async throws {
        let servers = [try await HTTP2Server(), try await HTTP2Server()]
        let world = try await GRPCCalls.world(servers.map(\.port))
        for number in 0..<20 {
            try await GRPCCalls.expectAnswer(try await GRPCCalls.call(world, "\(number)"), "\(number)")
        }
        #expect(servers.map(\.open) == [1, 1])
        let kept = Address.host("127.0.0.1", port: servers[1].port)
        try await world.loop.submit {
            (world.bound.value.route.connector as? GRPCBalancer)?.endpoints.replace([kept])
        }.get()
        try await eventually("the close", on: world.loop) { servers[0].open == 0 ? () : nil }
        let before = servers[1].requested
        for number in 0..<10 {
            try await GRPCCalls.expectAnswer(try await GRPCCalls.call(world, "\(number)"), "\(number)")
        }
        #expect(servers[1].requested == before + 10 && servers[1].accepted == 1)
        for server in servers { await server.close() }
    }
}
