// rtbridge: WebSockets over HTTP/2, from the extended CONNECT to the end of the stream.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeWire
import HTTP2Session
import NIOCore
import Testing

@testable import BridgeCore
@testable import BridgeServer

struct WebSocketHTTP2Tests {
    private static func bench(
        _ open: @escaping (ScriptedBack) -> Void = Self.open, route: (inout Route) -> Void = { _ in }
    ) throws -> HTTP2Bench {
        let bench = try HTTP2Bench(route: route)
        bench.front.back.onOpen = open
        return bench
    }

    private static func open(_ leg: ScriptedBack) {
        leg.exchange?.backReady()
        leg.exchange?.backOpened()
    }

    private static func frame(_ payload: String) -> ByteBuffer {
        ByteBuffer(bytes: HTTP1Request.webSocketFrame(0x2, Array(payload.utf8)))
    }

    private static let close = ByteBuffer(bytes: HTTP1Request.webSocketFrame(0x8, [0x03, 0xE8]))

    /// Frames of a server, unmasked (RFC 6455 §5.1).
    private static func events(_ call: HTTP2Bench.Call) throws -> [String] {
        var decoder = WebSocketDecoder(role: .client, maxMessageBytes: 1 << 20)
        decoder.append(call.body)
        var events: [String] = []
        while let event = try decoder.next() {
            switch event {
            case .data(let bytes, _, _): events.append(String(buffer: bytes))
            case .ping: events.append("ping")
            case .pong: events.append("pong")
            case .close(let code, _): events.append("close \(code?.rawValue ?? 0)")
            }
        }
        return events
    }

    // MARK: Opening

    /// RFC 8441 §3: SETTINGS_ENABLE_CONNECT_PROTOCOL (0x8) with the value 1.
    @Test(arguments: [true, false])
    func theSettingIsSentOnlyWhereAWebSocketCanBeServed(takes: Bool) throws {
        let bench = try FrontBench(route: { route in
            if !takes { route.match.protocols = [.grpc] }
        })
        try bench.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        try bench.send(ByteBuffer(bytes: [0, 0, 0, 4, 0, 0, 0, 0, 0]))
        var bytes = try bench.receive()
        // RFC 9113 §4.1: 24 bits of length, then type, flags and stream.
        let head = bytes.readBytes(length: 9) ?? []
        #expect(head.count == 9 && head[3] == 4)
        var settings = bytes.readSlice(length: Int(head[2])) ?? ByteBuffer()
        var values: [UInt16: UInt32] = [:]
        while let id: UInt16 = settings.readInteger() { values[id] = settings.readInteger() }
        #expect(values[8] == (takes ? 1 : nil))
    }

    /// RFC 8441 §5: no Sec-WebSocket-Accept, and "a successful … response" is 200.
    @Test func aTunnelIsOpenedByTwoHundredAndCarriesFramesBothWays() throws {
        let bench = try Self.bench()
        let call = try #require(bench.webSocket("/ws", [("sec-websocket-protocol", "x, binary")]))
        try bench.run()
        #expect(call.head?.string(":status") == "200")
        #expect(call.head?.string("sec-websocket-protocol") == "binary")
        for name in ["sec-websocket-accept", "upgrade", "connection"] {
            #expect(call.head?.pairs.contains { $0.name == name } == false, "\(name)")
        }
        call.stream.write(Self.frame("up"))
        try bench.run()
        let back = bench.front.back.legs[0]
        #expect(back.received == ByteBuffer(string: "up"))
        back.exchange?.backBody(ByteBuffer(string: "down"))
        try bench.run()
        #expect(try Self.events(call) == ["down"])
    }

    @Test func manyShareAConnectionWithCalls() throws {
        let bench = try Self.bench()
        let sockets = (0..<20).compactMap { _ in bench.webSocket() }
        let calls = (0..<20).compactMap { bench.call("\($0)") }
        try bench.run()
        for (number, socket) in sockets.enumerated() { socket.stream.write(Self.frame("socket \(number)")) }
        try bench.run()
        for back in bench.front.back.legs {
            if back.isFinished { back.echo() } else { back.exchange?.backBody(back.received) }
        }
        try bench.run()
        #expect(try sockets.flatMap(Self.events) == (0..<20).map { "socket \($0)" })
        #expect(calls.map(\.grpcStatus) == [String?](repeating: "0", count: 20))
    }

    @Test(arguments: [
        ("/ws", [(":protocol", "websocket")], "400"),
        ("/ws", [(":protocol", "websocket"), ("sec-websocket-version", "8")], "400"),
        (
            "/ws", [(":protocol", "websocket"), ("sec-websocket-version", "13"), ("origin", "https://evil.example")],
            "403"
        ),
        ("/none", [(":protocol", "websocket"), ("sec-websocket-version", "13")], "404"),
        ("/page", [(":protocol", "websocket"), ("sec-websocket-version", "13")], "404"),
        ("/ws", [(":protocol", "connect-udp"), ("capsule-protocol", "?1")], "501"),
    ])
    func whatCannotBeOpenedIsAnsweredWithAStatus(path: String, fields: [(String, String)], status: String) throws {
        let bench = try Self.bench()
        let call = try #require(bench.open("CONNECT", path, fields, endStream: false))
        try bench.run()
        #expect(call.head?.string(":status") == status)
        #expect(bench.front.back.legs.isEmpty)
        #expect(bench.front.isOpen)
    }

    /// RFC 8441 §4: `:scheme`, `:path` and `:authority` are to be there, and `:protocol` belongs to CONNECT alone.
    @Test(arguments: [
        [(":method", "CONNECT"), (":protocol", "websocket"), (":path", "/ws"), (":authority", "test")],
        [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":authority", "test")],
        [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/ws")],
        [
            (":method", "GET"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/ws"),
            (":authority", "test"),
        ],
    ])
    func brokenPseudoFieldsResetTheStreamAlone(fields: [(String, String)]) throws {
        let bench = try Self.bench()
        var block = FieldBlock()
        for (name, value) in fields { block.append(name, value) }
        block.append("sec-websocket-version", "13")
        let call = HTTP2Bench.Call()
        _ = try #require(bench.session.open(block, endStream: false, delegate: call))
        try bench.run()
        #expect(call.closeCode == .protocolError)
        #expect(bench.front.back.legs.isEmpty)
        #expect(bench.front.isOpen)
    }

    @Test func whereNoWebSocketIsServedAProtocolFieldIsAnError() throws {
        let bench = try Self.bench(route: { $0.match.protocols = [.grpc] })
        let call = try #require(bench.webSocket())
        try bench.run()
        #expect(call.closeCode == .protocolError)
    }

    @Test func aBackThatCannotBeReachedIsAnHTTPError() throws {
        let bench = try Self.bench { leg in
            leg.exchange?.backFailed(Failure(.connectFailed, .back, .connect, "connection refused"))
        }
        let call = try #require(bench.webSocket())
        try bench.run()
        #expect(call.head?.string(":status") == "502")
        #expect(call.hasEnded)
    }

    // MARK: Flow

    /// What a client sends before it is answered waits, within the stream's window.
    @Test func framesBeforeTheBackIsThereWaitWithinTheWindow() throws {
        let bench = try Self.bench { _ in }
        let call = try #require(bench.webSocket())
        call.stream.write(Self.frame("early"))
        for _ in 0..<8 { call.stream.write(Self.frame(String(repeating: "x", count: 100_000))) }
        try bench.run()
        #expect(call.stream.pendingBytes > 500_000)
        let back = bench.front.back.legs[0]
        #expect(back.received.readableBytes == 0)
        Self.open(back)
        try bench.run()
        #expect(call.stream.pendingBytes == 0)
        #expect(back.received.readableBytes == 5 + 800_000)
    }

    @Test func aBackThatTakesNothingStopsItsOwnStreamAlone() throws {
        let bench = try Self.bench()
        let slow = try #require(bench.webSocket())
        let quick = try #require(bench.webSocket())
        try bench.run()
        bench.front.back.legs[0].isWritable = false
        for _ in 0..<8 { slow.stream.write(Self.frame(String(repeating: "x", count: 100_000))) }
        quick.stream.write(Self.frame("quick"))
        try bench.run()
        #expect(slow.stream.pendingBytes > 500_000)
        #expect(bench.front.back.legs[1].received == ByteBuffer(string: "quick"))
        bench.front.back.legs[0].isWritable = true
        bench.front.back.legs[0].exchange?.backWritable()
        try bench.run()
        #expect(slow.stream.pendingBytes == 0)
    }

    @Test func aClientThatTakesNothingStopsItsBackAlone() throws {
        let bench = try Self.bench()
        let slow = try #require(bench.webSocket())
        let quick = try #require(bench.webSocket())
        slow.consumes = false
        try bench.run()
        let backs = bench.front.back.legs
        for _ in 0..<8 { backs[0].exchange?.backBody(ByteBuffer(string: String(repeating: "y", count: 100_000))) }
        try bench.run()
        #expect(backs[0].takenCount < 8)
        backs[1].exchange?.backBody(ByteBuffer(string: "quick"))
        try bench.run()
        #expect(try Self.events(quick) == ["quick"])
        #expect(backs[1].takenCount == 1)
    }

    // MARK: Ends

    /// RFC 8441 §5: "an orderly TCP-level closure is represented as an END_STREAM flag".
    @Test func theClosingHandshakeEndsTheStreamInOrder() throws {
        let bench = try Self.bench()
        let call = try #require(bench.webSocket())
        try bench.run()
        call.stream.write(Self.close)
        try bench.run()
        // A TCP back-end is told of the end, and its own end lets the close frame out.
        bench.front.back.legs[0].exchange?.backEnded()
        try bench.run()
        #expect(try Self.events(call) == ["close 1000"])
        #expect(call.hasEnded)
        #expect(call.closeCode == nil)
        call.stream.finish(nil)
        try bench.run()
        #expect(call.closeCode == .noError)
        #expect(bench.front.isOpen)
    }

    /// A client that never ends its side of a tunnel holds no stream for ever.
    @Test func aStreamThatItsClientLeavesOpenIsResetInTheEnd() throws {
        let bench = try Self.bench()
        let call = try #require(bench.webSocket())
        try bench.run()
        call.stream.write(Self.close)
        bench.front.back.legs[0].exchange?.backEnded()
        try bench.run()
        #expect(call.hasEnded)
        bench.front.pass(.seconds(1))
        try bench.run()
        #expect(call.closeCode == nil)
        bench.front.pass(.seconds(2))
        try bench.run()
        #expect(call.closeCode == .cancel)
    }

    @Test func aClientThatEndsItsStreamIsGoneAfterItsLastByte() throws {
        let bench = try Self.bench()
        let call = try #require(bench.webSocket())
        try bench.run()
        call.stream.write(Self.frame("last"))
        call.stream.finish(nil)
        try bench.run()
        #expect(bench.front.back.legs[0].received == ByteBuffer(string: "last"))
        #expect(bench.front.back.legs[0].end == .detached)
        #expect(call.closeCode == .noError)
    }

    @Test(arguments: [true, false])
    func aClientThatResetsItsStreamLetsTheBackGo(isOpen: Bool) throws {
        let bench = isOpen ? try Self.bench() : try Self.bench { _ in }
        let call = try #require(bench.webSocket())
        try bench.run()
        call.stream.reset(.cancel)
        try bench.run()
        #expect(bench.front.back.legs[0].end != nil)
        #expect(bench.front.isOpen)
    }

    @Test func aClientThatEndsBeforeItIsAnsweredIsGone() throws {
        let bench = try Self.bench { _ in }
        let call = try #require(bench.webSocket())
        call.stream.finish(nil)
        try bench.run()
        #expect(bench.front.back.legs[0].end != nil)
        #expect(call.closeCode == .cancel)
    }

    /// RFC 8441 §5: "RST exceptions are represented with the RST_STREAM frame … with the CANCEL error code".
    @Test func aSilentClientIsResetWithCancel() throws {
        let bench = try Self.bench(route: {
            $0.websocket.pingInterval = .seconds(5)
            $0.websocket.pongTimeout = .seconds(2)
        })
        let call = try #require(bench.webSocket())
        try bench.run()
        bench.front.pass(.seconds(6))
        try bench.run()
        #expect(try Self.events(call) == ["ping"])
        bench.front.pass(.seconds(3))
        try bench.run()
        #expect(call.closeCode == .cancel)
        #expect(bench.front.back.legs[0].end != nil)
        #expect(bench.front.isOpen)
    }

    @Test func aDrainClosesWebSocketsWith1001() throws {
        let bench = try Self.bench()
        let call = try #require(bench.webSocket())
        try bench.run()
        bench.front.worker.startDraining()
        bench.front.ingress.drain()
        try bench.run()
        #expect(try Self.events(call) == ["close 1001"])
        call.stream.write(Self.close)
        call.stream.finish(nil)
        try bench.run()
        #expect(!bench.front.isOpen)
    }

    // MARK: gRPC over WebSocket

    @Test func gRPCOverWebSocketIsServedAsWell() throws {
        let bench = try Self.bench { leg in leg.exchange?.backReady() }
        let call = try #require(bench.webSocket("/call/x", [("sec-websocket-protocol", "grpc-websockets")]))
        try bench.run()
        #expect(call.head?.string(":status") == "200")
        #expect(call.head?.string("sec-websocket-protocol") == "grpc-websockets")
        call.stream.write(Self.frame("x-key: v\r\n"))
        call.stream.write(ByteBuffer(bytes: HTTP1Request.webSocketFrame(2, [0] + CallSocket.frame("one"))))
        call.stream.write(ByteBuffer(bytes: HTTP1Request.webSocketFrame(2, [1])))
        try bench.run()
        let back = bench.front.back.legs[0]
        #expect(back.exchange?.request.string("x-key") == "v")
        #expect(back.exchange?.request.string(":method") == "POST")
        #expect(back.exchange?.request.contains(":protocol") == false)
        #expect(back.isFinished)
        back.echo()
        try bench.run()
        #expect(try Self.events(call).count == 4)
        #expect(try Self.events(call).last == "close 1000")
    }
}
