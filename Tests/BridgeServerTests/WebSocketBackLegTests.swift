// rtbridge: sessions with a WebSocket back-end in memory, with time that stands still.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgePolicy
import BridgeWire
import NIOCore
import NIOEmbedded
import Testing

@testable import BridgeBacks
@testable import BridgeCore

@Suite struct WebSocketBackLegTests {
    /// What the exchange tells a client.
    private final class Client: FrontLeg {
        var isWritable = true
        private(set) var head: FieldBlock?
        private(set) var pieces: [(text: String, flags: BodyFlags)] = []
        private(set) var close: WebSocketClose?
        private(set) var failure: Failure?

        func backOpened(_ head: FieldBlock?) { self.head = head }
        func deliver(_ bytes: ByteBuffer, _ flags: BodyFlags) { pieces.append((String(buffer: bytes), flags)) }
        func finish(_ trailers: FieldBlock?) { close = WebSocketClose(trailers: trailers) ?? WebSocketClose(nil) }
        func fail(_ failure: Failure) { self.failure = failure }
        func taken() {}
        func drain() {}
    }

    private final class Bench {
        let loop = EmbeddedEventLoop()
        let worker: Worker
        let client = Client()
        private(set) var channels: [EmbeddedChannel] = []
        private(set) var exchange: Exchange!
        private let connector: WebSocketConnector

        init(_ change: (inout Route) -> Void = { _ in }) throws {
            worker = Worker(eventLoop: loop, index: 0, logger: .init(label: "test"), accessLog: nil)
            worker.refreshClock()
            let backend = Backend(name: "b", protocol: .websocket, endpoints: [.host("192.0.2.1", port: 80)])
            var route = Route(name: "r", match: Match(protocols: [.websocket]), backend: backend)
            route.websocket.pingInterval = nil
            route.timeouts.idle = nil
            change(&route)
            let box = Channels()
            let loop = loop
            connector = WebSocketConnector(backend: backend, worker: worker, lingerTime: .seconds(5)) { handler in
                let channel = EmbeddedChannel(handler: handler, loop: loop)
                if let address = try? SocketAddress(ipAddress: "192.0.2.1", port: 80) {
                    channel.connect(to: address, promise: nil)
                }
                box.all.append(channel)
                return channel
            }
            let request = FieldBlock([":method": "GET", ":scheme": "http", ":path": "/ws", ":authority": "t"])
            exchange = Exchange(
                front: client, request: request, client: "198.51.100.1",
                route: WorkerRoute(config: route, connector: connector), worker: worker)
            exchange.open(deadline: nil, idle: nil)
            channels = box.all
            loop.run()
        }

        private final class Channels { var all: [EmbeddedChannel] = [] }

        var channel: EmbeddedChannel { channels[0] }

        func sent() throws -> ByteBuffer {
            loop.run()
            var all = ByteBuffer()
            while let piece = try channel.readOutbound(as: ByteBuffer.self) { all.writeImmutableBuffer(piece) }
            return all
        }

        func receive(_ bytes: [UInt8]) throws {
            try channel.writeInbound(ByteBuffer(bytes: bytes))
            loop.run()
        }

        func accept(behind: [UInt8] = []) throws {
            let request = String(buffer: try sent())
            let key = try #require(request.split(separator: "\r\n").first { $0.hasPrefix("Sec-WebSocket-Key: ") })
            let accept = WebSocketHandshake.accept(key: key.dropFirst(19).utf8)
            let answer =
                "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: \(accept)\r\n\r\n"
            try receive(Array(answer.utf8) + behind)
        }

        func pass(_ time: TimeAmount) {
            loop.advanceTime(by: time)
            worker.refreshClock()
            loop.run()
        }

        /// What the frames hold that went out, by the server's own decoder.
        func events() throws -> [WebSocketEvent] {
            var decoder = WebSocketDecoder(role: .server, maxMessageBytes: 1 << 20)
            decoder.append(try sent())
            var events: [WebSocketEvent] = []
            while let event = try decoder.next() { events.append(event) }
            return events
        }
    }

    @Test func theRequestIsTheFirstThatGoesOut() throws {
        let bench = try Bench()
        #expect(String(buffer: try bench.sent()).hasPrefix("GET /ws HTTP/1.1\r\nHost: t\r\nUpgrade: websocket\r\n"))
        #expect(bench.client.head == nil)
    }

    @Test func messagesGoBothWaysInTheirPieces() throws {
        let bench = try Bench()
        try bench.accept(behind: [0x01, 0x01, 0x61])
        try bench.receive([0x80, 0x01, 0x62, 0x82, 0x00])
        #expect(bench.client.head?.string(":status") == "101")
        #expect(bench.client.pieces.map(\.text) == ["a", "b", ""])
        #expect(bench.client.pieces.map(\.flags) == [.text, [.text, .endsMessage], .endsMessage])
        bench.exchange.frontBody(ByteBuffer(string: "one "), .text)
        bench.exchange.frontBody(ByteBuffer(string: "two"), [.text, .endsMessage])
        bench.exchange.frontBody(ByteBuffer(string: "bin"), .endsMessage)
        #expect(
            try bench.events() == [
                .data(ByteBuffer(string: "one "), kind: .text, endsMessage: false),
                .data(ByteBuffer(string: "two"), kind: .text, endsMessage: true),
                .data(ByteBuffer(string: "bin"), kind: .binary, endsMessage: true),
            ])
    }

    @Test func theBackEndsPingIsAnsweredHere() throws {
        let bench = try Bench()
        try bench.accept(behind: [0x89, 0x01, 0x3F])
        #expect(try bench.events() == [.pong(ByteBuffer(string: "?"))])
        #expect(bench.client.pieces.isEmpty)
    }

    @Test func aBackEndIsPingedAndLostWhenItIsSilent() throws {
        let bench = try Bench {
            $0.websocket.pingInterval = .seconds(20)
            $0.websocket.pongTimeout = .seconds(5)
        }
        try bench.accept()
        bench.pass(.milliseconds(100))
        for _ in 0..<3 {
            bench.pass(.seconds(20))
            #expect(try bench.events() == [.ping(ByteBuffer())])
            try bench.receive([0x8A, 0x00])
        }
        bench.pass(.seconds(20))
        bench.pass(.seconds(6))
        #expect(bench.client.failure?.kind == .connectionLost && bench.client.failure?.closeCode == 1013)
        #expect(bench.worker.timers.count == 0 && !bench.channel.isActive)
    }

    /// A client that does not read keeps its back-end from being read, and so from being heard.
    @Test func aBackEndThatIsNotReadIsNotFoundSilent() throws {
        let bench = try Bench {
            $0.websocket.pingInterval = .seconds(20)
            $0.websocket.pongTimeout = .seconds(5)
        }
        try bench.accept()
        bench.client.isWritable = false
        try bench.receive([0x82, 0x01, 0x61])
        for _ in 0..<100 { bench.pass(.seconds(1)) }
        #expect(bench.client.failure == nil && bench.channel.isActive)
    }

    @Test func noAnswerInTimeIsAFailureOfTheHandshake() throws {
        let bench = try Bench()
        try bench.receive(Array("HTTP/1.1 101".utf8))
        bench.pass(.seconds(9))
        #expect(bench.client.failure == nil)
        bench.pass(.seconds(2))
        let failure = try #require(bench.client.failure)
        #expect(failure.kind == .connectTimeout && failure.httpStatus == 504)
        #expect(failure.reason.contains("timeouts.handshake") && failure.address == "192.0.2.1:80")
        #expect(bench.worker.timers.count == 0 && !bench.channel.isActive)
    }

    @Test func aRefusalIsAFailureWithTheAnswer() throws {
        let bench = try Bench()
        try bench.receive(Array("HTTP/1.1 403 x\r\nContent-Length: 2\r\nX: y\r\n\r\nno".utf8))
        let failure = try #require(bench.client.failure)
        #expect(failure.kind == .handshakeRefused && failure.httpStatus == 403)
        #expect(
            failure.answer
                == HTTPAnswer(status: 403, fields: FieldBlock(["x": "y"]), body: ByteBuffer(string: "no")))
    }

    @Test(arguments: [
        WebSocketClose(nil), WebSocketClose(.init(rawValue: 4000), "bye"), WebSocketClose(.goingAway, "soon back"),
    ])
    func closesGoBothWays(_ close: WebSocketClose) throws {
        let bench = try Bench()
        try bench.accept()
        bench.exchange.frontEnded(close.trailers)
        #expect(try bench.events() == [.close(code: close.code, reason: close.reason)])
        let other = try Bench()
        var frame = ByteBuffer()
        WebSocketEncoder.writeClose(code: close.code, reason: close.reason, into: &frame)
        try other.accept(behind: Array(frame.readableBytesView))
        #expect(other.client.close == close)
        #expect(try other.events() == [.close(code: close.code, reason: "")])
    }

    // MARK: Nothing is left

    enum Way: CaseIterable {
        case leavesWhileAsking, refused, malformed, endsWhileAsking
        case leaves, closes, backCloses, backEnds, backBreaks, aborted
    }

    private static func live(_ way: Way, _ bench: Bench) throws {
        switch way {
        case .leavesWhileAsking: return bench.exchange.frontClosed()
        case .refused: return try bench.receive(Array("HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n".utf8))
        case .malformed: return try bench.receive(Array("what?\r\n\r\n".utf8))
        case .endsWhileAsking: return bench.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        case .leaves, .closes, .backCloses, .backEnds, .backBreaks, .aborted: try bench.accept()
        }
        switch way {
        case .closes:
            bench.exchange.frontEnded(WebSocketClose(.normalClosure).trailers)
            try bench.receive([0x88, 0x02, 0x03, 0xE8])
        case .backCloses: try bench.receive([0x88, 0x00])
        case .backEnds: bench.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        case .backBreaks: try bench.receive([0x83, 0x00])
        case .aborted: bench.exchange.frontAborted(Failure(.aborted, .front, .body, "gone"))
        case .leavesWhileAsking, .refused, .malformed, .endsWhileAsking, .leaves: bench.exchange.frontClosed()
        }
    }

    @Test(arguments: Way.allCases)
    func nothingOfASessionOutlivesIt(_ way: Way) throws {
        weak var leg: WebSocketBackLeg?
        weak var worker: Worker?
        try {
            let bench = try Bench { $0.websocket.pingInterval = .seconds(5) }
            worker = bench.worker
            leg = bench.exchange.back as? WebSocketBackLeg
            #expect(leg != nil)
            try Self.live(way, bench)
            bench.loop.run()
            // A back-end that does not end is let go after the lingering.
            bench.pass(.seconds(6))
            #expect(bench.worker.timers.count == 0)
            #expect(!bench.channel.isActive)
        }()
        #expect(leg == nil && worker == nil)
    }
}
