// rtbridge: nothing of a WebSocket with calls in it, or of one over HTTP/2, outlives its connection.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import HTTP2Session
import NIOCore
import Testing

@testable import BridgeCore
@testable import BridgeServer

struct WebSocketLifetimeTests {
    enum Way: CaseIterable {
        case noCall, answered, gone, goneWhileAnswered, closed, refused, brokenFrames, blocked, drained, backFails
    }

    private static let ok = FieldBlock([":status": "200", "content-type": "application/grpc"])

    private static func live(_ way: Way, _ socket: CallSocket, _ sharesCalls: Bool) throws {
        if way == .noCall { return }
        let refused = "no field\r\n"
        if sharesCalls {
            try socket.open(1, way == .refused ? refused : "")
            try socket.open(2)
        } else {
            try socket.sendBlock(way == .refused ? refused : "")
        }
        let bench = socket.bench
        switch way {
        case .noCall, .gone, .refused: break
        case .answered: for leg in bench.back.legs { leg.echo() }
        case .goneWhileAnswered: bench.back.legs[0].exchange?.backOpened(ok)
        case .closed: try socket.close()
        case .brokenFrames: try socket.send([], opcode: 3)
        case .blocked:
            bench.back.legs[0].isWritable = false
            let frame = CallSocket.frame(String(repeating: "x", count: 300_000))
            try socket.send((sharesCalls ? CallSocket.prefix(1) : []) + [0] + frame)
        case .drained: bench.ingress.drain()
        case .backFails: bench.back.legs[0].exchange?.backFailed(Failure(.connectionLost, .back, .body, "lost"))
        }
    }

    @Test(arguments: Way.allCases, [true, false])
    func aWebSocketWithCallsIsFreedWithAllThatHungOnIt(_ way: Way, sharesCalls: Bool) throws {
        weak var connection: HTTP1Connection?
        weak var exchange: Exchange?
        weak var worker: Worker?
        try {
            let bench = try FrontBench(route: { $0.websocket.pingInterval = .seconds(5) })
            bench.back.onOpen = { leg in
                exchange = leg.exchange
                leg.exchange?.backReady()
            }
            worker = bench.worker
            let socket = try CallSocket(bench, sharesCalls ? "grpc-websockets-multiplex" : "grpc-websockets")
            #expect(socket.answer.status == 101)
            try Self.live(way, socket, sharesCalls)
            connection = try? bench.channel.pipeline.syncOperations.handler(type: HTTP1Connection.self)
            bench.disconnect()
            #expect(bench.ingress.isEmpty)
            #expect(bench.worker.timers.count == 0)
        }()
        #expect(connection == nil && exchange == nil && worker == nil)
    }

    enum End: CaseIterable { case opening, open, endedByBack, lingering, reset }

    @Test(arguments: End.allCases)
    func aWebSocketOverHTTP2IsFreedWithItsConnection(_ end: End) throws {
        weak var connection: HTTP2Connection?
        weak var exchange: Exchange?
        weak var worker: Worker?
        try {
            let bench = try HTTP2Bench(route: { $0.websocket.pingInterval = .seconds(5) })
            worker = bench.front.worker
            let back = bench.front.back
            back.onOpen = { leg in
                exchange = leg.exchange
                guard end != .opening else { return }
                leg.exchange?.backReady()
                leg.exchange?.backOpened()
            }
            let call = try #require(bench.webSocket())
            try bench.run()
            connection = try? bench.front.channel.pipeline.syncOperations.handler(type: HTTP2Connection.self)
            #expect(connection != nil && exchange != nil)
            switch end {
            case .opening, .open: break
            case .endedByBack: back.legs[0].exchange?.backEnded()
            case .lingering:
                back.legs[0].exchange?.backEnded()
                call.stream.write(ByteBuffer(bytes: HTTP1Request.webSocketFrame(0x8, [0x03, 0xE8])))
            case .reset: call.stream.reset(.cancel)
            }
            try bench.run()
            bench.front.disconnect()
            #expect(bench.front.ingress.isEmpty)
            #expect(bench.front.worker.timers.count == 0)
        }()
        #expect(connection == nil && exchange == nil && worker == nil)
    }
}
