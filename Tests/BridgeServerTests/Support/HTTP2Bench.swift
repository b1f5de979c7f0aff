// rtbridge: a client's HTTP/2 connection in memory.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeWire
import HTTP2Session
import NIOCore

@testable import BridgeServer

/// A ``FrontBench`` whose client is a session in the back role.
final class HTTP2Bench {
    final class Call: HTTP2StreamDelegate {
        fileprivate(set) var stream: HTTP2Stream!
        private(set) var head: FieldBlock?
        private(set) var interim: [FieldBlock] = []
        private(set) var body = ByteBuffer()
        private(set) var trailers: FieldBlock?
        private(set) var closeCode: HTTP2ErrorCode?
        private(set) var hasEnded = false
        var consumes = true

        func http2Fields(_ fields: FieldBlock, kind: HTTP2FieldsKind, isTooLarge: Bool) {
            switch kind {
            case .informational: interim.append(fields)
            case .head: head = fields
            case .trailers: trailers = fields
            }
        }

        func http2Body(_ bytes: ByteBuffer) {
            body.writeImmutableBuffer(bytes)
            if consumes { stream.consume(bytes.readableBytes) }
        }

        func http2Ended() { hasEnded = true }
        func http2Writable() {}
        func http2Closed(_ errorCode: HTTP2ErrorCode, wasNotSent: Bool) { closeCode = errorCode }

        /// Wherever it came.
        var grpcStatus: String? { (trailers ?? head)?.string("grpc-status") }
    }

    final class Side: HTTP2SessionDelegate {
        fileprivate(set) var goaways = 0
        func http2Request(_ stream: HTTP2Stream, _ fields: FieldBlock, isTooLarge: Bool, endStream: Bool) {}
        func http2Settings() {}
        func http2Goaway(lastStreamID: Int32, errorCode: HTTP2ErrorCode) { goaways += 1 }
        func http2PingAcknowledged() {}
        func http2HasOutput() {}
    }

    let front: FrontBench
    let session = HTTP2Session(role: .back)
    let side = Side()

    init(
        limits change: (inout ListenerLimits) -> Void = { _ in }, route changeRoute: (inout Route) -> Void = { _ in }
    ) throws {
        front = try FrontBench(limits: change, route: changeRoute)
        session.delegate = side
        try run()
    }

    deinit { session.connectionLost(.cancel) }

    /// Moves bytes both ways until nothing moves.
    func run() throws {
        var moved = true
        while moved {
            let sent = try produce()
            if sent.readableBytes > 0, front.isOpen { try front.send(sent) }
            let received = try front.receive()
            if received.readableBytes > 0 { try session.receive(received) }
            moved = sent.readableBytes > 0 || received.readableBytes > 0
        }
    }

    /// What the client has to say.
    func produce() throws -> ByteBuffer {
        var all = ByteBuffer()
        var piece = ByteBuffer()
        var hasMore = true
        while hasMore {
            piece.clear()
            hasMore = session.produce(into: &piece, limit: 64 * 1024)
            all.writeImmutableBuffer(piece)
        }
        return all
    }

    /// A request without a body, moved both ways.
    func open(_ fields: FieldBlock) throws -> Call {
        let call = Call()
        call.stream = session.open(fields, endStream: true, delegate: call)
        try run()
        return call
    }

    func open(_ method: String, _ path: String, _ fields: [(String, String)] = [], endStream: Bool) -> Call? {
        var block = FieldBlock()
        for (name, value) in [(":method", method), (":scheme", "http"), (":path", path), (":authority", "test")]
            + fields
        {
            block.append(name, value)
        }
        let call = Call()
        call.stream = session.open(block, endStream: endStream, delegate: call)
        return call.stream == nil ? nil : call
    }

    /// An extended CONNECT for a WebSocket (RFC 8441 §5), not ended.
    func webSocket(_ path: String = "/ws", _ fields: [(String, String)] = []) -> Call? {
        let own = [(":protocol", "websocket"), ("sec-websocket-version", "13")]
        return open("CONNECT", path, own + fields, endStream: false)
    }

    /// A native gRPC call with one message.
    func call(_ payload: String, ends: Bool = true) -> Call? {
        let fields = [("content-type", "application/grpc"), ("te", "trailers")]
        guard let call = open("POST", "/call/x", fields, endStream: false) else { return nil }
        call.stream.write(HTTP1Request.frame(payload))
        if ends { call.stream.finish(nil) }
        return call
    }
}
