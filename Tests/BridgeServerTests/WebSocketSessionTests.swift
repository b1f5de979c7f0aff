// rtbridge: a WebSocket over HTTP/1.1, from its handshake to its end.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import NIOCore
import Testing

@testable import BridgeCore
@testable import BridgeServer

struct WebSocketSessionTests {
    private static func bench(_ open: @escaping (ScriptedBack) -> Void = Self.open) throws -> FrontBench {
        let bench = try FrontBench()
        bench.back.onOpen = open
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
    /// A server's close frame with 1000 (RFC 6455 §5.5.1), without a reason.
    private static let plainClose: [UInt8] = [0x88, 2, 0x03, 0xE8]

    @Test func framesInThePacketOfTheHandshakeAreNotLost() throws {
        for size in [10_000, 1, 100, 190, 200] {
            let bench = try Self.bench()
            var bytes = ByteBuffer(string: HTTP1Request.upgrade)
            bytes.writeImmutableBuffer(Self.frame("first "))
            bytes.writeImmutableBuffer(Self.frame("second"))
            while let piece = bytes.readSlice(length: min(size, bytes.readableBytes)), piece.readableBytes > 0 {
                try bench.send(piece)
            }
            #expect(bench.back.legs[0].received == ByteBuffer(string: "first second"), "in pieces of \(size)")
            #expect(try bench.answers().map(\.status) == [101])
        }
    }

    @Test func framesBeforeTheBackIsThereWaitAndAreNotLost() throws {
        let bench = try Self.bench { _ in }
        var bytes = ByteBuffer(string: HTTP1Request.upgrade)
        bytes.writeImmutableBuffer(Self.frame("early"))
        try bench.send(bytes)
        #expect(try bench.receive().readableBytes == 0)
        Self.open(bench.back.legs[0])
        bench.loop.run()
        #expect(bench.back.legs[0].received == ByteBuffer(string: "early"))
    }

    /// What a client sends before it was answered lies in nobody's buffer but the kernel's.
    @Test func aClientIsNotReadWhileItsUpgradeWaits() throws {
        let bench = try Self.bench { _ in }
        try bench.send(HTTP1Request.upgrade)
        #expect(!bench.isReading)
        Self.open(bench.back.legs[0])
        bench.loop.run()
        #expect(bench.isReading)
    }

    /// The decoder reads no further once it has seen an upgrade, whoever answers the request.
    @Test func aCallThatOffersAnUpgradeIsNotReadBeyondItsEnd() throws {
        let bench = try FrontBench()
        try bench.send(HTTP1Request.call("x", "host: test\r\nupgrade: h2c\r\nconnection: upgrade\r\n"))
        #expect(bench.back.legs[0].isFinished)
        #expect(!bench.isReading)
        bench.back.legs[0].echo()
        #expect(try bench.answers().first?.frames.first?.payload == "x")
        #expect(!bench.isOpen)
    }

    @Test(arguments: ["content-length: 5\r\n", "transfer-encoding: chunked\r\n"])
    func aHandshakeWithABodyIsRefused(_ field: String) throws {
        let bench = try Self.bench { _ in }
        try bench.send(HTTP1Request.upgrade.replacing("host: test\r\n", with: "host: test\r\n\(field)"))
        #expect(try bench.answers().map(\.status) == [400])
        #expect(bench.back.legs.isEmpty)
    }

    @Test func aClientThatGoesAwayWhileItWaitsCancelsTheBack() throws {
        let bench = try Self.bench { _ in }
        try bench.send(HTTP1Request.upgrade)
        bench.halfClose()
        #expect(bench.back.legs[0].end == .cancelled)
        #expect(!bench.isOpen)
    }

    @Test func aBackThatFailsBeforeTheHandshakeIsAPlainAnswer() throws {
        let bench = try Self.bench { leg in
            leg.exchange?.backFailed(
                Failure(.connectFailed, .back, .connect, "connection refused", address: "192.0.2.1:7"))
        }
        try bench.send(HTTP1Request.upgrade)
        let answers = try bench.answers()
        #expect(answers.map(\.status) == [502] && answers[0]["connection"] == "close")
        #expect(!bench.isOpen)
    }

    /// RFC 6455 §5.5.1: an endpoint "MAY delay sending a Close frame", here until the back-end has said its last.
    @Test(arguments: [true, false])
    func theClientsCloseIsAnsweredBehindTheLastBytesOfTheBack(_ endsInTime: Bool) throws {
        let bench = try FrontBench()
        bench.back.onOpen = Self.open
        bench.back.staysOpen = true
        try bench.send(HTTP1Request.upgrade)
        _ = try bench.receive()
        var bytes = Self.frame("last")
        bytes.writeImmutableBuffer(Self.close)
        bytes.writeImmutableBuffer(Self.frame("after the close"))
        try bench.send(bytes)
        let leg = bench.back.legs[0]
        #expect(leg.received == ByteBuffer(string: "last") && leg.isFinished)
        #expect(try bench.receive().readableBytes == 0)
        leg.exchange?.backBody(ByteBuffer(string: "bye"))
        #expect(try bench.receive() == ByteBuffer(bytes: [0x82, 3] + Array("bye".utf8)))
        if endsInTime { leg.exchange?.backEnded() } else { bench.pass(.seconds(1) + .milliseconds(20)) }
        #expect(try bench.receive() == ByteBuffer(bytes: Self.plainClose))
        #expect(!bench.isOpen && leg.end != nil)
        #expect(leg.received == ByteBuffer(string: "last"))
    }

    @Test func whatFollowsTheClientsCloseIsNotKept() throws {
        let bench = try Self.bench()
        try bench.send(HTTP1Request.upgrade)
        var bytes = Self.close
        bytes.writeImmutableBuffer(Self.frame("after the close"))
        try bench.send(bytes)
        for _ in 0..<10 {
            try bench.send(ByteBuffer(repeating: 7, count: 60_000))
            #expect(bench.isReading, "what is discarded holds nothing up")
        }
        #expect(bench.back.legs[0].received.readableBytes == 0)
    }

    /// What the back-end's side will never take must not keep the client's close frame from being read.
    @Test func aClientWhoseBytesWereStuckCanStillClose() throws {
        let bench = try Self.bench()
        try bench.send(HTTP1Request.upgrade)
        _ = try bench.receive()
        let leg = bench.back.legs[0]
        leg.isWritable = false
        try bench.send(ByteBuffer(bytes: HTTP1Request.webSocketFrame(0x2, Array(repeating: 7, count: 80_000))))
        #expect(!bench.isReading)
        leg.exchange?.backFailed(Failure(.connectionLost, .back, .body, "connection reset by peer"))
        #expect(bench.isReading)
        let bytes = try bench.receive()
        #expect(bytes.getBytes(at: 0, length: 4).map { [$0[0], $0[2], $0[3]] } == [0x88, 0x03, 0xF5], "close 1013")
        try bench.send(Self.close)
        #expect(!bench.isOpen)
    }

    @Test func aClientThatDoesNotAnswerTheCloseIsClosedAfterTenSeconds() throws {
        let bench = try Self.bench()
        try bench.send(HTTP1Request.upgrade)
        bench.back.legs[0].exchange?.backEnded()
        bench.pass(.seconds(9))
        #expect(bench.isOpen)
        bench.pass(.seconds(2))
        #expect(!bench.isOpen)
    }

    @Test func aSessionThatOpensWhileTheBridgeDrainsIsClosedWith1001() throws {
        let bench = try Self.bench { _ in }
        try bench.send(HTTP1Request.upgrade)
        bench.worker.startDraining()
        bench.ingress.drain()
        Self.open(bench.back.legs[0])
        let answers = try bench.answers()
        #expect(answers.map(\.status) == [101])
        let close = answers.first?.body ?? []
        #expect(close.count > 4 && close[0] == 0x88 && Array(close[2...3]) == [0x03, 0xE9])
    }

    // MARK: Pings

    @Test func aClientIsPingedAndClosedWhenItIsSilent() throws {
        let bench = try FrontBench { _ in
        } route: {
            $0.websocket.pingInterval = .seconds(20)
            $0.websocket.pongTimeout = .seconds(5)
            $0.timeouts.idle = nil
        }
        bench.back.onOpen = Self.open
        try bench.send(HTTP1Request.upgrade)
        _ = try bench.receive()
        bench.pass(.milliseconds(200))
        for _ in 0..<10 {
            bench.pass(.seconds(20))
            #expect(try bench.receive() == ByteBuffer(bytes: [0x89, 0]))
            try bench.send(ByteBuffer(bytes: HTTP1Request.webSocketFrame(0xA, [])))
            #expect(bench.isOpen)
        }
        bench.pass(.seconds(20))
        #expect(try bench.receive() == ByteBuffer(bytes: [0x89, 0]))
        bench.pass(.seconds(4))
        #expect(bench.isOpen)
        bench.pass(.seconds(2))
        #expect(!bench.isOpen)
        #expect(bench.worker.timers.count == 0)
    }
}
