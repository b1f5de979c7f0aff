// rtbridge: calls that are tried again, against back-ends that fail as a test says.
// SPDX-License-Identifier: Apache-2.0

import BridgePolicy
import BridgeWire
import HTTP2Session
import NIOCore
import Synchronization
import Testing

@testable import BridgeBacks
@testable import BridgeCore

struct RetryTests {
    private typealias Request = HTTP2ServerConnection.Request

    // MARK: What is tried again

    @Test func unavailableWithoutAHeadIsTriedAgainAndTheRequestIsSaidAgain() async throws {
        let seen = Seen()
        let server = try await HTTP2Server(failing(2, seen) { $0.trailersOnly("14") })
        let world = try await RetryWorld.make([server.port])
        try await GRPCCalls.expectAnswer(try await GRPCCalls.call(world, "hello"), "hello")
        #expect(seen.attempts == ["-", "1", "2"])
        #expect(seen.bodies.allSatisfy { $0 == HTTP1Request.frame("hello") } && seen.bodies.count == 3)
        await server.close()
    }

    /// Envoy and gRPC's own clients are committed by the head; here it is held for a while.
    @Test func unavailableInTrailersWithoutAMessageIsTriedAgainAndTheFirstHeadIsNotSeen() async throws {
        let seen = Seen()
        let server = try await HTTP2Server(
            failing(1, seen) {
                $0.stream.respond(
                    FieldBlock([":status": "200", "content-type": "application/grpc", "x-first": "1"]),
                    endStream: false)
                $0.stream.finish(FieldBlock(["grpc-status": "14"]))
            })
        let world = try await RetryWorld.make([server.port])
        let call = try await GRPCCalls.call(world, "hello")
        try await GRPCCalls.expectAnswer(call, "hello")
        let head = try #require(try await call.run { $0.head })
        #expect(!head.contains("x-first") && head.string("grpc-previous-rpc-attempts") == "1")
        await server.close()
    }

    @Test func aCallThatCannotBeConnectedIsTriedAgain() async throws {
        let port = try await RawServer.deadPort()
        let world = try await RetryWorld.make([port]) {
            $0.maxAttempts = 10
            $0.initialBackoff = .milliseconds(500)
            $0.jitter = .fraction(0)
        }
        let call = try await GRPCCalls.call(world, "late")
        try await Self.firstFailure(world)
        let server = try await HTTP2Server(port: port)
        try await GRPCCalls.expectAnswer(call, "late")
        await server.close()
    }

    @Test func aCallWhoseConnectionIsLostIsTriedAgain() async throws {
        let seen = Seen()
        let server = try await HTTP2Server { connection, request in
            if seen.note(request) < 2 { connection.disconnectSoon() } else { request.echo() }
        }
        let world = try await RetryWorld.make([server.port])
        try await GRPCCalls.expectAnswer(try await GRPCCalls.call(world, "x"), "x")
        #expect(server.accepted >= 2)
        await server.close()
    }

    /// Fails after the bound of what is held, in time or not: the head has gone to the client.
    @Test func aHeadThatWasHeldForLongEnoughCommits() async throws {
        let seen = Seen()
        let server = try await HTTP2Server(
            failing(1, seen) {
                $0.stream.respond(
                    FieldBlock([":status": "200", "content-type": "application/grpc"]), endStream: false)
            })
        let world = try await RetryWorld.make([server.port])
        let call = try await GRPCCalls.call(world, "x")
        try await call.wait("the head") { $0.isOpen }
        try await server.onConnections { connection in
            for request in connection.requests { request.stream.finish(FieldBlock(["grpc-status": "14"])) }
        }
        try await call.wait("the end") { $0.isFinished }
        #expect(try await call.run { $0.trailers?.string("grpc-status") } == "14")
        #expect(seen.attempts == ["-"])
        await server.close()
    }

    @Test func aMessageCommits() async throws {
        let seen = Seen()
        let server = try await HTTP2Server(
            failing(1, seen) {
                $0.stream.respond(
                    FieldBlock([":status": "200", "content-type": "application/grpc"]), endStream: false)
                $0.stream.write(HTTP1Request.frame("first"))
                $0.stream.finish(FieldBlock(["grpc-status": "14"]))
            })
        let world = try await RetryWorld.make([server.port])
        let call = try await GRPCCalls.call(world, "x")
        try await call.wait("the end") { $0.isFinished }
        #expect(try await call.run { $0.body } == HTTP1Request.frame("first"))
        #expect(seen.attempts == ["-"])
        await server.close()
    }

    @Test func aRequestLongerThanIsKeptCommits() async throws {
        let seen = Seen()
        let server = try await HTTP2Server(failing(1, seen) { $0.trailersOnly("14") })
        let world = try await RetryWorld.make([server.port])
        let call = try await GRPCCalls.call(world, String(repeating: "x", count: KeptRequest.defaultMaximum))
        try await call.wait("the end") { $0.isFinished || $0.failure != nil }
        #expect(try await call.run { $0.trailers?.string("grpc-status") } == "14")
        #expect(seen.attempts == ["-"])
        await server.close()
    }

    /// The client goes on sending while the next attempt waits for its time: more than is kept, and nothing is lost of it.
    @Test func aRequestThatGrowsWhileAnAttemptWaitsIsSaidWhole() async throws {
        let seen = Seen()
        let server = try await HTTP2Server { _, request in
            // The first one fails before the request has ended.
            if seen.note(request) == 0 { request.trailersOnly("14") } else { request.echo() }
        }
        let world = try await RetryWorld.make([server.port]) {
            $0.initialBackoff = .milliseconds(300)
            $0.jitter = .fraction(0)
        }
        let call = try await BackSession.open(world)
        let text = String(repeating: "x", count: KeptRequest.defaultMaximum * 3 / 2)
        var frame = HTTP1Request.frame(text)
        try await call.send(frame.readSlice(length: KeptRequest.defaultMaximum - 1000) ?? ByteBuffer())
        try await Self.firstFailure(world)
        try await call.send(frame)
        try await call.end()
        try await GRPCCalls.expectAnswer(call, text)
        #expect(seen.attempts == ["-", "1"])
        let held = try await world.loop.submit { world.bound.value.worker.held.used }.get()
        #expect(held == 0)
        await server.close()
    }

    @Test func aStatusThatThePolicyDoesNotNamePassesAtOnce() async throws {
        let seen = Seen()
        let server = try await HTTP2Server(failing(9, seen) { $0.trailersOnly("3") })
        let world = try await RetryWorld.make([server.port])
        let call = try await GRPCCalls.call(world, "x")
        try await call.wait("the end") { $0.isFinished }
        #expect(try await call.run { $0.trailers?.string("grpc-status") } == "3")
        #expect(seen.attempts == ["-"])
        await server.close()
    }

    @Test func theLastStatusPassesWithTheNumberOfRetriesWhenAttemptsAreUsedUp() async throws {
        let seen = Seen()
        let server = try await HTTP2Server(failing(99, seen) { $0.trailersOnly("14") })
        let world = try await RetryWorld.make([server.port]) { $0.maxAttempts = 3 }
        let call = try await GRPCCalls.call(world, "x")
        try await call.wait("the end") { $0.isFinished }
        let trailers = try #require(try await call.run { $0.trailers })
        #expect(trailers.string("grpc-status") == "14" && trailers.string("grpc-previous-rpc-attempts") == "2")
        #expect(seen.attempts == ["-", "1", "2"])
        #expect(try await call.run { $0.ends } == 1)
        await server.close()
    }

    @Test func pushbackOfTheServerIsHeeded() async throws {
        let seen = Seen()
        let server = try await HTTP2Server(failing(9, seen) { $0.trailersOnly("14", pushback: "-1") })
        let world = try await RetryWorld.make([server.port])
        let call = try await GRPCCalls.call(world, "x")
        try await call.wait("the end") { $0.isFinished }
        #expect(seen.attempts == ["-"])
        await server.close()
    }

    @Test func anAttemptThatBringsNothingInItsTimeIsCancelledAndTriedAgain() async throws {
        let seen = Seen()
        let server = try await HTTP2Server(failing(1, seen) { _ in })
        let world = try await RetryWorld.make([server.port]) { $0.perAttemptTimeout = .seconds(1) }
        try await GRPCCalls.expectAnswer(try await GRPCCalls.call(world, "x"), "x")
        try await eventually("the reset", on: world.loop) { server.resets == [.cancel] ? () : nil }
        await server.close()
    }

    @Test func theFailureTellsAttemptsAndTheKeyThatFired() async throws {
        let server = try await HTTP2Server { _, _ in }
        let world = try await RetryWorld.make([server.port]) {
            $0.perAttemptTimeout = .milliseconds(30)
            $0.maxAttempts = 2
        }
        let failure = try await GRPCCalls.call(world, "x").failure()
        #expect(failure.kind == .attemptTimeout && failure.attempts?.count == 2 && failure.attempts?.limit == 2)
        let message = failure.message(route: "greeter", isBrief: false)
        #expect(message.contains("retryPolicy.perAttemptTimeout") && message.contains("(attempt 2 of 2, "))
        await server.close()
    }

    /// A6: the deadline "applies across all attempts".
    @Test func everyAttemptGetsLessTime() async throws {
        let seen = Seen()
        let server = try await HTTP2Server(failing(3, seen) { $0.trailersOnly("14") })
        let world = try await RetryWorld.make([server.port]) {
            $0.initialBackoff = .milliseconds(20)
            $0.jitter = .fraction(0)
        }
        let call = try await BackSession.open(world, deadline: .seconds(3600))
        try await call.end()
        try await call.wait("the end") { $0.isFinished }
        let times = seen.timeouts.compactMap { GRPCTimeout.parse(Array($0.utf8)) }
        #expect(times.count == 4 && zip(times, times.dropFirst()).allSatisfy { $0 > $1 })
        await server.close()
    }

    // MARK: Transparent retries

    @Test(arguments: [true, false])
    func aRefusedStreamIsTriedAgainOnceAtOnceWithAPolicyOrWithout(_ hasPolicy: Bool) async throws {
        let seen = Seen()
        let server = try await HTTP2Server(failing(1, seen) { $0.stream.reset(.refusedStream) })
        let world = hasPolicy ? try await RetryWorld.make([server.port]) : try await GRPCCalls.world([server.port])
        try await GRPCCalls.expectAnswer(try await GRPCCalls.call(world, "x"), "x")
        #expect(seen.attempts == ["-", "-"])
        #expect(seen.bodies == [HTTP1Request.frame("x"), HTTP1Request.frame("x")])
        await server.close()
    }

    @Test func aSecondRefusalFailsTheCallWithoutAPolicy() async throws {
        let seen = Seen()
        let server = try await HTTP2Server(failing(9, seen) { $0.stream.reset(.refusedStream) })
        let world = try await GRPCCalls.world([server.port])
        let failure = try await GRPCCalls.call(world, "x").failure()
        #expect(failure.kind == .refused && failure.grpcStatusCode == 14)
        #expect(seen.attempts == ["-", "-"])
        await server.close()
    }

    /// What was not kept cannot be said again: half of a request would be worse than a failure.
    @Test(arguments: [5000, 20_000, 200_000])
    func aLongRequestThatIsRefusedIsNotSaidAgainInPart(_ size: Int) async throws {
        let seen = Seen()
        let text = String(repeating: "x", count: size)
        let server = try await HTTP2Server { _, request in
            request.whenEnded {
                if seen.note(request) == 0 { request.stream.reset(.refusedStream) } else { request.echo() }
            }
        }
        let world = try await GRPCCalls.world([server.port])
        let call = try await BackSession.open(world)
        // In two pieces, so that buffers are joined.
        var frame = HTTP1Request.frame(text)
        let first = frame.readSlice(length: 4500) ?? ByteBuffer()
        try await call.send(first)
        try await call.send(frame)
        try await call.end()
        try await call.wait("the end") { $0.isFinished || $0.failure != nil }
        #expect(try await call.run { $0.failure?.kind } == .refused)
        #expect(seen.bodies == [HTTP1Request.frame(text)])
        await server.close()
    }

    /// RFC 9113 §6.8: streams above GOAWAY's last identifier "might" be tried again on a new connection.
    @Test(arguments: [true, false])
    func aCallAboveGoawaysLastStreamGoesToAnotherConnection(_ hasPolicy: Bool) async throws {
        let seen = Seen()
        let server = try await HTTP2Server { connection, request in
            guard seen.note(request) == 0 else { return request.echo() }
            request.whenEnded { connection.sendGoaway(last: 0) }
        }
        let world = hasPolicy ? try await RetryWorld.make([server.port]) : try await GRPCCalls.world([server.port])
        try await GRPCCalls.expectAnswer(try await GRPCCalls.call(world, "x"), "x")
        #expect(seen.attempts == ["-", "-"] && server.accepted == 2)
        await server.close()
    }

    // MARK: Ends

    @Test func aCallThatIsGivenUpBetweenAttemptsIsForgotten() async throws {
        let seen = Seen()
        let server = try await HTTP2Server(failing(9, seen) { $0.trailersOnly("14") })
        let world = try await RetryWorld.make([server.port]) {
            $0.initialBackoff = .seconds(600)
            $0.maxBackoff = .seconds(600)
            $0.jitter = .fraction(0)
        }
        let call = try await GRPCCalls.call(world, "x")
        try await Self.firstFailure(world)
        try await call.run { $0.exchange.frontAborted(Failure(.aborted, .front, .body, "gone")) }
        #expect(try await world.timers() == 1, "the one of the connection that is open")
        let budget = try await world.loop.submit {
            (world.bound.value.route.connector as? RetryingConnector)?.backEnd.retryBudget
        }.get()
        #expect(budget == RetryBudget())
        #expect(seen.attempts == ["-"])
        await server.close()
    }

    // MARK: Inside

    /// Until a call is on a retry.
    private static func firstFailure(_ world: BackWorld) async throws {
        try await eventually("a first failure", on: world.loop) {
            (world.bound.value.route.connector as? RetryingConnector)?.backEnd.retryBudget.retries == 1 ? () : nil
        }
    }

    /// The first `count` requests fail as `fail` says, once all of them came; later ones are echoed.
    private func failing(
        _ count: Int, _ seen: Seen, _ fail: @escaping @Sendable (HTTP2ServerConnection.Request) -> Void
    ) -> HTTP2Server.Script {
        { _, request in
            request.whenEnded { if seen.note(request) < count { fail(request) } else { request.echo() } }
        }
    }
}

/// What a server saw of calls.
private final class Seen: Sendable {
    private struct State {
        var attempts: [String] = []
        var bodies: [ByteBuffer] = []
        var timeouts: [String] = []
    }
    private let state = Mutex(State())

    /// - Returns: how many came before.
    func note(_ request: HTTP2ServerConnection.Request) -> Int {
        let (fields, body) = (request.fields, request.body)
        return state.withLock { state in
            state.attempts.append(fields.string("grpc-previous-rpc-attempts") ?? "-")
            state.bodies.append(body)
            if let timeout = fields.string("grpc-timeout") { state.timeouts.append(timeout) }
            return state.attempts.count - 1
        }
    }

    var attempts: [String] { state.withLock { $0.attempts } }
    var bodies: [ByteBuffer] { state.withLock { $0.bodies } }
    var timeouts: [String] { state.withLock { $0.timeouts } }
}

/// A worker with a route that has a retry policy.
private enum RetryWorld {
    static func make(
        _ ports: [Int], _ change: @escaping @Sendable (inout RetryParameters) -> Void = { _ in }
    ) async throws -> BackWorld {
        try await GRPCCalls.world(
            ports,
            {
                $0.backoff = BackoffParameters(
                    initial: .milliseconds(1), multiplier: 1, max: .seconds(1), jitter: .full)
            },
            wrap: { connector in
                var parameters = RetryParameters()
                parameters.initialBackoff = .milliseconds(2)
                change(&parameters)
                return parameters.retrying(connector)
            })
    }
}

extension HTTP2ServerConnection.Request {
    fileprivate func trailersOnly(_ status: String, pushback: String? = nil) {
        var fields = FieldBlock([":status": "200", "content-type": "application/grpc"])
        fields.append("grpc-status", status.utf8)
        if let pushback { fields.append("grpc-retry-pushback-ms", pushback.utf8) }
        stream.respond(fields, endStream: true)
    }
}
