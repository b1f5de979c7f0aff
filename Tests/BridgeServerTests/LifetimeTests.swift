// rtbridge: nothing of a client's connection outlives it.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import HTTP2Session
import NIOCore
import Testing

@testable import BridgeCore
@testable import BridgeServer

struct LifetimeTests {
    enum Way: CaseIterable {
        case answered, clientGoneWhileOpening, clientGoneWhileAsked, clientGoneWhileAnswered, brokenRequest
        case backFails, deadline, refused, pipelined
        case webSocketGoneWhileOpening, webSocketGone, webSocketClosed, webSocketBackEnds, webSocketDrained
    }

    private static let ok = FieldBlock([":status": "200", "content-type": "application/grpc"])

    private func live(_ way: Way, _ bench: FrontBench) throws {
        let back = bench.back
        switch way {
        case .answered:
            back.onFinish = { $0.echo() }
            try bench.send(HTTP1Request.call("x"))
        case .clientGoneWhileOpening:
            back.onOpen = { _ in }
            try bench.send(HTTP1Request.call("x"))
        case .clientGoneWhileAsked: try bench.send(HTTP1Request.call("x"))
        case .clientGoneWhileAnswered:
            try bench.send(HTTP1Request.call("x"))
            back.legs[0].exchange?.backOpened(Self.ok)
            back.legs[0].exchange?.backBody(HTTP1Request.frame("y"))
        case .brokenRequest:
            try bench.send(
                "POST /call/x HTTP/1.1\r\nhost: test\r\ncontent-type: application/grpc-web\r\n"
                    + "transfer-encoding: chunked\r\n\r\n")
            try? bench.send("no chunk\r\n")
        case .backFails:
            try bench.send(HTTP1Request.call("x"))
            back.legs[0].exchange?.backFailed(Failure(.connectionLost, .back, .body, "lost"))
        case .deadline:
            try bench.send(HTTP1Request.call("x", "host: test\r\ngrpc-timeout: 1S\r\n"))
            bench.pass(.seconds(2))
        case .refused: try bench.send(HTTP1Request.call("x", "host: test\r\ngrpc-timeout: what\r\n"))
        case .pipelined:
            try bench.send(HTTP1Request.call("x"))
            try bench.send(HTTP1Request.call("y"))
        case .webSocketGoneWhileOpening:
            back.onOpen = { _ in }
            try bench.send(HTTP1Request.upgrade)
        case .webSocketGone: try bench.send(HTTP1Request.upgrade)
        case .webSocketClosed:
            try bench.send(HTTP1Request.upgrade)
            try bench.send(ByteBuffer(bytes: HTTP1Request.webSocketFrame(0x8, [0x03, 0xE8])))
        case .webSocketBackEnds:
            try bench.send(HTTP1Request.upgrade)
            back.legs[0].exchange?.backEnded()
        case .webSocketDrained:
            try bench.send(HTTP1Request.upgrade)
            bench.ingress.drain()
        }
    }

    @Test(arguments: Way.allCases)
    func aConnectionOverHTTP1IsFreedWithAllThatHungOnIt(_ way: Way) throws {
        weak var connection: HTTP1Connection?
        weak var exchange: Exchange?
        weak var worker: Worker?
        try {
            let bench = try FrontBench { _ in
            } route: {
                $0.websocket.pingInterval = .seconds(5)
            }
            bench.back.onOpen = { leg in
                leg.exchange?.backReady()
                if leg.exchange?.route.name == "socket" { leg.exchange?.backOpened() }
            }
            bench.back.onFinish = { _ in }
            worker = bench.worker
            let onOpen = bench.back.onOpen
            bench.back.onOpen = { leg in
                exchange = leg.exchange
                onOpen(leg)
            }
            try live(way, bench)
            connection = try? bench.channel.pipeline.syncOperations.handler(type: HTTP1Connection.self)
            bench.disconnect()
            #expect(bench.ingress.isEmpty)
            #expect(bench.worker.timers.count == 0)
        }()
        #expect(connection == nil && exchange == nil && worker == nil)
    }

    @Test(arguments: [
        Way.answered, .clientGoneWhileOpening, .clientGoneWhileAsked, .clientGoneWhileAnswered, .backFails,
    ])
    func aConnectionOverHTTP2IsFreedWithAllThatHungOnIt(_ way: Way) throws {
        weak var connection: HTTP2Connection?
        weak var exchange: Exchange?
        weak var worker: Worker?
        try {
            let bench = try HTTP2Bench()
            worker = bench.front.worker
            let back = bench.front.back
            back.onOpen = { leg in
                exchange = leg.exchange
                if way != .clientGoneWhileOpening { leg.exchange?.backReady() }
            }
            let call = try #require(bench.call("x"))
            try bench.run()
            connection = try? bench.front.channel.pipeline.syncOperations.handler(type: HTTP2Connection.self)
            #expect(connection != nil && exchange != nil)
            switch way {
            case .answered: back.legs[0].echo()
            case .clientGoneWhileAnswered: back.legs[0].exchange?.backOpened(Self.ok)
            case .backFails: back.legs[0].exchange?.backFailed(Failure(.connectionLost, .back, .body, "lost"))
            default: break
            }
            try bench.run()
            #expect(call.stream.id == 1)
            bench.front.disconnect()
            #expect(bench.front.ingress.isEmpty)
            #expect(bench.front.worker.timers.count == 0)
        }()
        #expect(connection == nil && exchange == nil && worker == nil)
    }
}
