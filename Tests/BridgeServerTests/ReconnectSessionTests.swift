// rtbridge: what a WebSocket's client is told while its back-end is away.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgePolicy
import BridgeWire
import NIOCore
import Testing

@testable import BridgeCore
@testable import BridgeServer

struct ReconnectSessionTests {
    private static let lost = Failure(
        .connectionLost, .back, .body, "connection reset by peer", address: "192.0.2.1:7")

    private static func bench(
        _ mode: ReconnectMode = .notify, _ change: (inout ReconnectOptions) -> Void = { _ in }
    ) throws -> FrontBench {
        let bench = try FrontBench(route: { route in
            var options = ReconnectOptions()
            options.policy.mode = mode
            options.policy.backoff = BackoffParameters(
                initial: .milliseconds(100), multiplier: 2, max: .seconds(1), jitter: .fraction(0))
            change(&options)
            if route.backend.protocol == .tcp { route.reconnect = options }
        })
        bench.back.onOpen = { _ in }
        return bench
    }

    private static func upgrade(_ path: String = "/ws", offers: String? = nil) -> String {
        let field = offers.map { "sec-websocket-protocol: \($0)\r\n" } ?? ""
        return HTTP1Request.upgrade.replacing("GET /ws ", with: "GET \(path) ")
            .replacing("host: test\r\n", with: "host: test\r\n\(field)")
    }

    private static func connect(_ bench: FrontBench) {
        guard let exchange = bench.back.legs.last?.exchange else { return }
        exchange.backReady()
        exchange.backOpened()
        bench.loop.run()
    }

    /// An unmasked text frame of a server (RFC 6455 §5.2), for up to 125 bytes.
    private static func text(_ payload: String) -> [UInt8] { [0x81, UInt8(payload.utf8.count)] + Array(payload.utf8) }

    @Test(
        arguments: [
            ("/ws?rtbridge-events=1", nil), ("/ws?x=1&rtbridge-events=1&y", nil), ("/ws", "rtbridge.events"),
            ("/ws", "binary, rtbridge.events"),
        ] as [(String, String?)])
    func aClientThatAsksIsToldOfEachAttemptAndOfTheEnd(_ path: String, _ offers: String?) throws {
        let bench = try Self.bench()
        try bench.send(Self.upgrade(path, offers: offers))
        Self.connect(bench)
        let answer = try #require(try bench.answers().first)
        #expect(answer["sec-websocket-protocol"] == offers.map { String($0.split(separator: ",")[0]) })

        bench.back.legs[0].exchange?.backFailed(Self.lost)
        #expect(
            try bench.receive()
                == ByteBuffer(bytes: Self.text(#"{"event":"reconnecting","attempt":1,"delayMs":100}"#)))
        bench.pass(.milliseconds(120))
        bench.back.legs[1].exchange?.backFailed(Self.lost)
        #expect(
            try bench.receive()
                == ByteBuffer(bytes: Self.text(#"{"event":"reconnecting","attempt":2,"delayMs":200}"#)))
        bench.pass(.milliseconds(220))
        Self.connect(bench)
        bench.back.legs[2].exchange?.backBody(ByteBuffer(string: "hi"))
        #expect(
            try bench.receive()
                == ByteBuffer(bytes: Self.text(#"{"event":"reconnected"}"#) + [0x82, 2] + Array("hi".utf8)))
    }

    @Test(arguments: [
        (ReconnectMode.notify, "/ws"), (.notify, "/ws?rtbridge-events=0"), (.resume, "/ws?rtbridge-events=1"),
    ])
    func othersAreToldNothing(_ mode: ReconnectMode, _ path: String) throws {
        let bench = try Self.bench(mode)
        try bench.send(Self.upgrade(path, offers: mode == .resume ? "rtbridge.events" : nil))
        Self.connect(bench)
        #expect(try bench.answers().first?["sec-websocket-protocol"] == nil)
        bench.back.legs[0].exchange?.backFailed(Self.lost)
        bench.pass(.milliseconds(120))
        Self.connect(bench)
        #expect(try bench.receive().readableBytes == 0)
        try bench.send(ByteBuffer(bytes: HTTP1Request.webSocketFrame(0x2, Array("more".utf8))))
        #expect(bench.back.legs[1].received == ByteBuffer(string: "more"))
    }

    /// A client that does not read gets no heap of events.
    @Test func aStalledClientIsToldOfTheLossOnce() throws {
        let bench = try Self.bench()
        try bench.send(Self.upgrade("/ws?rtbridge-events=1"))
        Self.connect(bench)
        _ = try bench.receive()
        bench.channel.isWritable = false
        bench.channel.pipeline.fireChannelWritabilityChanged()
        bench.back.legs[0].exchange?.backFailed(Self.lost)
        for _ in 0..<4 {
            bench.pass(.milliseconds(1100))
            bench.back.legs.last?.exchange?.backFailed(Self.lost)
        }
        #expect(bench.back.legs.count == 5)
        let bytes = try bench.receive()
        let text = String(decoding: bytes.readableBytesView, as: UTF8.self)
        #expect(text.matches(of: /"event":"reconnecting"/).count == 1)
    }

    @Test func theHandshakeWaitsForTheBackAndARefusalIsAPlainAnswer() throws {
        let bench = try Self.bench(.close) { $0.policy.maxAttempts = 2 }
        try bench.send(Self.upgrade())
        bench.back.legs[0].exchange?.backFailed(Self.lost)
        #expect(try bench.receive().readableBytes == 0)
        bench.pass(.milliseconds(120))
        bench.back.legs[1].exchange?.backFailed(Self.lost)
        let answer = try #require(try bench.answers().first)
        #expect(answer.status == 502)
        #expect(String(decoding: answer.body, as: UTF8.self).contains("(attempt 2 of 2, 1"))
    }

    @Test func aDrainAnswersAWaitingHandshakeWith503AndClosesAHeldSessionWith1001() throws {
        let waiting = try Self.bench(.resume)
        try waiting.send(Self.upgrade())
        waiting.back.legs[0].exchange?.backFailed(Self.lost)
        waiting.worker.startDraining()
        waiting.ingress.drain()
        #expect(try waiting.answers().map(\.status) == [503])
        #expect(waiting.worker.timers.count <= 1, "the listener's own")

        let held = try Self.bench(.resume)
        try held.send(Self.upgrade())
        Self.connect(held)
        _ = try held.receive()
        held.back.legs[0].exchange?.backFailed(Self.lost)
        held.worker.startDraining()
        held.ingress.drain()
        let bytes = try held.receive()
        #expect(bytes.getBytes(at: 0, length: 4).map { [$0[0], $0[2], $0[3]] } == [0x88, 0x03, 0xE9])
        try held.send(ByteBuffer(bytes: HTTP1Request.webSocketFrame(0x8, [0x03, 0xE9])))
        #expect(!held.isOpen)
    }

    /// The client's close frame is heard while it is held, and its session ends with what was held.
    @Test func aHeldClientCanClose() throws {
        let bench = try Self.bench(.resume)
        try bench.send(Self.upgrade())
        Self.connect(bench)
        _ = try bench.receive()
        bench.back.legs[0].exchange?.backFailed(Self.lost)
        try bench.send(ByteBuffer(bytes: HTTP1Request.webSocketFrame(0x2, Array("held".utf8))))
        try bench.send(ByteBuffer(bytes: HTTP1Request.webSocketFrame(0x8, [0x03, 0xE8])))
        bench.pass(.milliseconds(120))
        Self.connect(bench)
        #expect(bench.back.legs[1].received == ByteBuffer(string: "held"), "within its second")
        #expect(bench.back.legs[1].isFinished)
        bench.pass(.milliseconds(1100))
        #expect(!bench.isOpen)
    }
}
