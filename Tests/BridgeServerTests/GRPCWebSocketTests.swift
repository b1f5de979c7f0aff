// rtbridge: gRPC over WebSocket with one call a connection, from its handshake to its end.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeWire
import NIOCore
import Testing

@testable import BridgeCore
@testable import BridgeServer

/// Sources: improbable-eng's grpc-web, `websocket.ts` and `websocket_wrapper.go`.
struct GRPCWebSocketTests {
    private static let head = "80 content-type:application/grpc-web+proto"
    private static let ok = "80 grpc-status:0"

    private static func socket(
        _ protocols: String = "grpc-websockets", _ fields: String = "", route: (inout Route) -> Void = { _ in }
    ) throws -> CallSocket {
        try CallSocket(FrontBench(route: route), protocols, fields)
    }

    // MARK: Opening

    @Test(arguments: [
        "grpc-websockets", "gRPC-WebSockets", "x, grpc-websockets", "grpc-websockets,y",
    ])
    func theSubprotocolIsFoundAnywhereAndEchoedAsItWasSpelt(offer: String) throws {
        let socket = try Self.socket(offer)
        let spelt = offer.split(separator: ",").map { $0.drop { $0 == " " } }.first {
            $0.lowercased() == "grpc-websockets"
        }
        #expect(socket.answer.status == 101)
        #expect(socket.answer["sec-websocket-protocol"] == spelt.map(String.init))
        // RFC 6455 §1.3: the accept value of the sample nonce.
        #expect(socket.answer["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    }

    @Test func theClientsOwnOrderDecidesAsFarAsTheRouteAllows() throws {
        let both = "grpc-websockets-multiplex, grpc-websockets"
        #expect(try Self.socket(both).answer["sec-websocket-protocol"] == "grpc-websockets-multiplex")
        let single = try Self.socket(both) { $0.grpcWeb.multiplex = false }
        #expect(single.answer["sec-websocket-protocol"] == "grpc-websockets")
        let none = try Self.socket(both) { ($0.grpcWeb.websockets, $0.grpcWeb.multiplex) = (false, false) }
        #expect(none.answer.status == 404)
    }

    /// RFC 6455 §10.2. The pages of `cors.allowOrigins` may connect; without a list the page's own host.
    @Test func pagesOfOtherOriginsAreLetInByCORSAlone() throws {
        let other = "origin: https://app.example\r\n"
        #expect(try Self.socket("grpc-websockets", other).answer.status == 403)
        #expect(try Self.socket("grpc-websockets", "origin: http://test\r\n").answer.status == 101)
        let allowed = try Self.socket("grpc-websockets", other) {
            $0.cors = CORSOptions(allowOrigins: ["https://app.example"])
        }
        #expect(allowed.answer.status == 101)
        let refused = try Self.socket("grpc-websockets", "origin: http://test\r\n") {
            $0.cors = CORSOptions(allowOrigins: ["https://app.example"])
        }
        #expect(refused.answer.status == 403)
        #expect(String(decoding: refused.answer.body, as: UTF8.self).contains("cors.allowOrigins"))
    }

    // MARK: Calls

    @Test func aCallIsAnsweredInFramesAndThenClosed() throws {
        let socket = try Self.socket()
        try socket.sendBlock()
        let back = socket.bench.back.legs[0]
        #expect(back.exchange?.request.string(":path") == "/call/x")
        #expect(back.exchange?.request.string("content-type") == "application/grpc+proto")
        #expect(back.exchange?.request.string("te") == "trailers")
        try socket.sendFrame("one")
        try socket.sendFrame("two")
        #expect(back.received.array == CallSocket.frame("one") + CallSocket.frame("two"))
        #expect(!back.isFinished)
        try socket.sendEnd()
        #expect(back.isFinished)
        back.echo()
        #expect(try socket.frames() == [Self.head, "00 one", "00 two", Self.ok, "close 1000"])
        try socket.close()
        #expect(!socket.bench.isOpen)
    }

    @Test func messagesGoBothWaysAtOnce() throws {
        let socket = try Self.socket()
        try socket.sendBlock()
        let back = socket.bench.back.legs[0]
        back.exchange?.backOpened(FieldBlock([":status": "200", "x-note": "caf\u{E9}"]))
        // Header blocks hold bytes 0x20–0x7E alone: each of the two bytes becomes a question mark.
        #expect(try socket.frames() == [Self.head + ", x-note:caf??"])
        for name in ["Ada", "Bob"] {
            try socket.sendFrame(name)
            back.exchange?.backBody(HTTP1Request.frame("Hello, \(name)"))
            #expect(try socket.frames() == ["00 Hello, \(name)"])
        }
        back.exchange?.backEnded(FieldBlock(["grpc-status": "0", "x-bin": "AAE="]))
        #expect(try socket.frames() == [Self.ok + ", x-bin:AAE=", "close 1000"])
    }

    @Test func anAnswerWithoutMessagesIsFramesAllTheSame() throws {
        let socket = try Self.socket()
        try socket.sendBlock()
        try socket.sendEnd()
        socket.bench.back.legs[0].echo()
        #expect(try socket.frames() == [Self.head, Self.ok, "close 1000"])
    }

    @Test func aStatusWithoutHeadersIsOneFrame() throws {
        let socket = try Self.socket()
        try socket.sendBlock()
        socket.bench.back.legs[0].exchange?.backEnded(FieldBlock(["grpc-status": "5", "grpc-message": "no %zz"]))
        #expect(try socket.frames() == [Self.head + ", grpc-status:5, grpc-message:no %25zz", "close 1000"])
    }

    @Test func aFailureOfTheBridgeIsOneFrame() throws {
        let socket = try Self.socket()
        socket.bench.back.onOpen = { leg in
            leg.exchange?.backFailed(
                Failure(.connectFailed, .back, .connect, "connection refused", address: "192.0.2.1:7"))
        }
        try socket.sendBlock()
        let text = "route calls: 192.0.2.1:7: connect: connection refused"
        #expect(try socket.frames() == [Self.head + ", grpc-status:14, grpc-message:\(text)", "close 1000"])
    }

    @Test func anAnswerThatBreaksWithinAMessageHasNoTrailers() throws {
        let socket = try Self.socket()
        try socket.sendBlock()
        let back = socket.bench.back.legs[0]
        back.exchange?.backOpened(FieldBlock([":status": "200"]))
        back.exchange?.backBody(ByteBuffer(bytes: [0, 0, 0, 0, 9, 1]))
        back.exchange?.backFailed(Failure(.connectionLost, .back, .body, "connection reset"))
        #expect(try socket.frames() == [Self.head, "rest of 6", "close 1011"])
    }

    // MARK: Metadata

    @Test func fieldsOfTheOpeningRequestBecomeMetadataAndTheBlockWins() throws {
        let socket = try Self.socket(
            "grpc-websockets", "cookie: a=1\r\nauthorization: Basic x\r\nx-other: y\r\nuser-agent: z\r\n")
        try socket.sendBlock(
            "Authorization: Bearer t\r\nx-Key: v1, v2\r\norigin: o\r\nconnection: x-gone\r\nx-gone: 1\r\n")
        let request = try #require(socket.bench.back.legs[0].exchange?.request)
        let names = ["cookie", "authorization", "x-key"]
        #expect(names.map { name in request.pairs.first { $0.name == name }?.value } == ["a=1", "Bearer t", "v1, v2"])
        #expect(request.pairs.count { $0.name == "authorization" } == 1)
        for name in ["x-other", "user-agent", "origin", "x-gone", "connection", "sec-websocket-key"] {
            #expect(!request.pairs.contains { $0.name == name }, "\(name)")
        }
    }

    @Test func theListOfForwardedFieldsIsTheRoutes() throws {
        let socket = try Self.socket("grpc-websockets", "cookie: a=1\r\nx-other: y\r\n") {
            $0.grpcWeb.forwardUpgradeHeaders = ["x-other"]
        }
        try socket.sendBlock()
        let request = try #require(socket.bench.back.legs[0].exchange?.request)
        #expect(request.string("x-other") == "y")
        #expect(!request.contains("cookie"))
    }

    // MARK: What ends a call

    @Test(arguments: ["deadline", "grpc-timeout"])
    func aDeadlineEndsTheCall(key: String) throws {
        let socket = try Self.socket { route in
            if key == "deadline" { route.timeouts.deadline = .milliseconds(100) }
        }
        try socket.sendBlock(key == "deadline" ? "" : "grpc-timeout: 100m\r\n")
        let back = socket.bench.back.legs[0]
        socket.bench.pass(.milliseconds(90))
        #expect(try socket.frames() == [])
        socket.bench.pass(.milliseconds(200))
        #expect(try socket.frames().first?.contains("grpc-status:4") == true)
        #expect(back.end == .cancelled)
    }

    @Test func aMessageAboveTheLimitEndsTheCall() throws {
        let socket = try Self.socket { $0.maxMessageBytes = 10 }
        try socket.sendBlock()
        try socket.sendFrame("0123456789")
        try socket.sendFrame("0123456789A")
        let text = "route calls: a message of 11 bytes is larger than maxMessageBytes (10)"
        #expect(
            try socket.frames() == [
                "80 content-type:application/grpc-web+proto, grpc-status:8, grpc-message:\(text)", "close 1000",
            ])
        #expect(socket.bench.back.legs[0].end == .cancelled)
    }

    @Test(arguments: [[1, 1], [2], [0, 0x80, 0, 0, 0, 0]] as [[UInt8]])
    func aMessageThatFollowsNoRuleEndsTheCall(message: [UInt8]) throws {
        let socket = try Self.socket()
        try socket.sendBlock()
        try socket.send(message)
        #expect(try socket.frames().first?.contains("grpc-status:13") == true)
        #expect(socket.bench.back.legs[0].end == .cancelled)
    }

    @Test func aRequestThatEndsWithinAMessageEndsTheCall() throws {
        let socket = try Self.socket()
        try socket.sendBlock()
        try socket.send([0, 0, 0, 0, 0, 5, 1])
        try socket.sendEnd()
        #expect(try socket.frames().first?.contains("grpc-status:13") == true)
        #expect(socket.bench.back.legs[0].end == .cancelled)
    }

    @Test(arguments: ["no colon", "content-type: text/html\r\n", "content-type: application/grpc-web-text\r\n"])
    func aBlockThatIsNoneIsRefused(block: String) throws {
        let socket = try Self.socket()
        try socket.sendBlock(block)
        #expect(socket.bench.back.legs.isEmpty)
        let frames = try socket.frames()
        #expect(frames.count == 2)
        #expect(frames[0].hasPrefix("80 grpc-status:13, grpc-message:"))
        #expect(frames[1] == "close 1000")
    }

    @Test func aTextMessageClosesWith1003() throws {
        let socket = try Self.socket()
        try socket.sendBlock()
        try socket.send(Array("text".utf8), opcode: 1)
        #expect(try socket.frames() == ["close 1003"])
        #expect(socket.bench.back.legs[0].end == .cancelled)
    }

    @Test(arguments: ["close frame", "lost connection"])
    func aClientThatLeavesCancelsItsCall(how: String) throws {
        let socket = try Self.socket()
        try socket.sendBlock()
        try socket.sendFrame("one")
        if how == "close frame" { try socket.close(1001) } else { socket.bench.disconnect() }
        #expect(socket.bench.back.legs[0].end == .cancelled)
        if how == "close frame" { #expect(try socket.frames() == ["close 1001"]) }
    }

    // MARK: Time and bounds

    @Test func aClientThatIsSilentAfterAPingIsDropped() throws {
        let socket = try Self.socket {
            $0.websocket.pingInterval = .seconds(5)
            $0.websocket.pongTimeout = .seconds(2)
        }
        try socket.sendBlock()
        socket.bench.pass(.seconds(6))
        #expect(try socket.frames() == ["ping"])
        socket.bench.pass(.seconds(3))
        #expect(socket.bench.back.legs[0].end == .cancelled)
        #expect(!socket.bench.isOpen)
    }

    @Test func aPongKeepsAnIdleCall() throws {
        let socket = try Self.socket { $0.timeouts.idle = .seconds(10) }
        try socket.sendBlock()
        for _ in 0..<3 {
            socket.bench.pass(.seconds(8))
            try socket.send([], opcode: 10)
        }
        #expect(socket.bench.back.legs[0].end == nil)
        socket.bench.pass(.seconds(11))
        #expect(try socket.frames().first?.contains("grpc-status:14") == true)
    }

    @Test func aWebSocketWithoutACallIsClosedWhenIdle() throws {
        let socket = try Self.socket { $0.timeouts.idle = .seconds(10) }
        socket.bench.pass(.seconds(9))
        #expect(try socket.frames() == [])
        socket.bench.pass(.seconds(2))
        #expect(try socket.frames() == ["close 1001"])
        socket.bench.pass(.seconds(11))
        #expect(!socket.bench.isOpen)
    }

    /// A back-end that takes nothing stops the client, and one that does lets it go on.
    @Test func aBackThatTakesNothingStopsTheClient() throws {
        let socket = try Self.socket()
        try socket.sendBlock()
        let back = socket.bench.back.legs[0]
        back.isWritable = false
        try socket.sendFrame("few bytes")
        #expect(socket.bench.isReading)
        try socket.sendFrame(String(repeating: "x", count: 70_000))
        #expect(!socket.bench.isReading)
        back.isWritable = true
        back.exchange?.backWritable()
        #expect(socket.bench.isReading)
    }

    @Test func aDrainClosesWhatHasNoCallAndLetsTheOthersEnd() throws {
        let idle = try Self.socket()
        idle.bench.worker.startDraining()
        idle.bench.ingress.drain()
        #expect(try idle.frames() == ["close 1001"])

        let busy = try Self.socket()
        try busy.sendBlock()
        busy.bench.worker.startDraining()
        busy.bench.ingress.drain()
        #expect(try busy.frames() == [])
        try busy.sendFrame("late")
        busy.bench.back.legs[0].echo()
        #expect(try busy.frames() == [Self.head, "00 late", Self.ok, "close 1000"])
    }
}

extension ByteBuffer {
    var array: [UInt8] { Array(readableBytesView) }
}
