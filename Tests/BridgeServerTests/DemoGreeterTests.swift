// rtbridge: the demo's gRPC server on loopback.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import HTTP2Session
import NIOCore
import NIOPosix
import Testing

@testable import BridgeDemo

@Suite(.timeLimit(.minutes(1))) struct DemoGreeterTests {
    /// Runs `body` with a client of a fresh greeter whose timed replies come at once.
    func withGreeter(
        replyInterval: TimeAmount = .milliseconds(1), _ body: (GreeterClient) async throws -> Void
    ) async throws {
        let greeter = DemoGreeter(replyInterval: replyInterval)
        let address = try await greeter.start(on: MultiThreadedEventLoopGroup.singleton)
        let client = try await GreeterClient(address)
        do { try await body(client) } catch {
            await greeter.stop()
            throw error
        }
        try await client.close()
        await greeter.stop()
    }

    @Test(arguments: [
        (GreeterMethod.unary, ["world"], ["Hello, world!"]), (.unary, [""], ["Hello, !"]),
        (.serverStream, ["w"], (1...10).map { "Hello, w! (\($0) of 10)" }),
        (.clientStream, ["A", "B", "C"], ["Hello, A, B and C!"]),
        (.bidiStream, ["A", "B"], ["Hello, A!", "Hello, B!"]), (.bidiStream, [], []),
    ]) func aCallIsAnsweredAndEndsWithOK(method: GreeterMethod, names: [String], replies: [String]) async throws {
        try await withGreeter { client in
            let outcome = try await client.call(method.rawValue, names: names)
            #expect(outcome.replies == replies)
            #expect(outcome.status == "0")
            #expect(outcome.closeCode == .noError)
        }
    }

    @Test func aBidirectionalReplyComesBeforeTheNextRequest() async throws {
        try await withGreeter { client in
            let call = try await client.open(GreeterMethod.bidiStream.rawValue)
            for name in ["one", "two", "three"] {
                call.send(name)
                #expect(try await call.nextReply() == "Hello, \(name)!")
            }
            call.finish()
            #expect(try await call.nextReply() == nil)
        }
    }

    /// gRPC PROTOCOL-HTTP2.md, "Trailers-Only": one HEADERS frame with END_STREAM.
    @Test func anUnknownMethodIsUnimplementedInTheHead() async throws {
        try await withGreeter { client in
            let outcome = try await client.call("/helloworld.Greeter/No%Such", names: ["x"])
            #expect(outcome.head?.string(":status") == "200")
            #expect(outcome.head?.string("grpc-status") == "12")
            #expect(outcome.head?.string("grpc-message") == "unknown method /helloworld.Greeter/No%25Such")
            #expect(outcome.trailers == nil)
        }
    }

    @Test(
        arguments: [
            ([0, 0, 1, 0, 1], "8"), ([1, 0, 0, 0, 1, 0], "12"), ([0, 0, 0, 0, 2, 0x0A, 9], "13"),
            ([0, 0, 0, 0, 2, 0x0A], "13"),
        ] as [([UInt8], String)]) func aBadRequestHasAStatus(body: [UInt8], status: String) async throws
    {
        try await withGreeter { client in
            let call = try await client.open(GreeterMethod.unary.rawValue)
            call.send(raw: body)
            call.finish()
            #expect(try await call.outcome().status == status)
            #expect(try await client.call(GreeterMethod.unary.rawValue, names: ["B"]).replies == ["Hello, B!"])
        }
    }

    @Test func aCancelledStreamLeavesTheConnectionInOrder() async throws {
        try await withGreeter(replyInterval: .hours(1)) { client in
            let call = try await client.open(GreeterMethod.serverStream.rawValue)
            call.send("w")
            call.finish()
            #expect(try await call.nextReply() == "Hello, w! (1 of 10)")
            call.cancel()
            #expect(try await call.outcome().closeCode == .cancel)
            #expect(try await client.call(GreeterMethod.unary.rawValue, names: ["B"]).replies == ["Hello, B!"])
        }
    }

    /// Far more than the stream's and the connection's window, both ways.
    @Test func windowsOpenAgainHoweverMuchPasses() async throws {
        try await withGreeter { client in
            let call = try await client.open(GreeterMethod.bidiStream.rawValue)
            let name = String(repeating: "n", count: 50_000)
            for _ in 0..<100 { call.send(name) }
            call.finish()
            var count = 0
            while let reply = try await call.nextReply() {
                #expect(reply.utf8.count == name.utf8.count + 8)
                count += 1
            }
            #expect(count == 100)
        }
    }
}
