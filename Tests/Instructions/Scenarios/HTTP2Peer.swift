// rtbridge: one side of an HTTP/2 connection, to speak to the bridge or as a part of it.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import HTTP2Session
import NIOCore

/// In the back role it makes requests, in the front role it answers each with what it brought, once that has ended.
final class HTTP2Peer {
    let session: HTTP2Session
    /// Answers and body bytes that came to their end.
    fileprivate(set) var answers = 0
    fileprivate(set) var bodyBytes = 0

    init(_ role: HTTP2Role) {
        session = HTTP2Session(role: role)
        session.delegate = self
    }

    func request(_ fields: FieldBlock, _ body: ByteBuffer) throws {
        let call = Call(self)
        guard let stream = session.open(fields, endStream: false, delegate: call) else {
            throw NotAsExpected(description: "no stream could be opened")
        }
        call.stream = stream
        stream.write(body)
        stream.finish(nil)
    }

    /// All that is ready to be sent.
    func produce() -> ByteBuffer {
        var all = ByteBuffer()
        var piece = ByteBuffer()
        var hasMore = true
        while hasMore {
            piece.clear()
            hasMore = session.produce(into: &piece, limit: 64 * 1024)
            if all.readableBytes == 0 { swap(&all, &piece) } else { all.writeImmutableBuffer(piece) }
        }
        return all
    }

    fileprivate func note(_ call: Call) {
        answers += 1
        bodyBytes += call.received
    }

    /// One request, as either side sees it.
    fileprivate final class Call: HTTP2StreamDelegate {
        var stream: HTTP2Stream?
        private(set) var received = 0
        private var body = ByteBuffer()
        private unowned let peer: HTTP2Peer

        init(_ peer: HTTP2Peer) { self.peer = peer }

        func http2Fields(_ fields: FieldBlock, kind: HTTP2FieldsKind, isTooLarge: Bool) {}

        func http2Body(_ bytes: ByteBuffer) {
            received += bytes.readableBytes
            if peer.session.role == .front { body.writeImmutableBuffer(bytes) }
            stream?.consume(bytes.readableBytes)
        }

        func http2Ended() {
            peer.note(self)
            guard peer.session.role == .front else { return }
            stream?.respond(FieldBlock([":status": "200", "content-type": "application/grpc"]), endStream: false)
            stream?.write(body)
            stream?.finish(FieldBlock(["grpc-status": "0"]))
        }

        func http2Writable() {}
        func http2Closed(_ errorCode: HTTP2ErrorCode, wasNotSent: Bool) { stream = nil }
    }
}

extension HTTP2Peer: HTTP2SessionDelegate {
    func http2Request(_ stream: HTTP2Stream, _ fields: FieldBlock, isTooLarge: Bool, endStream: Bool) {
        let call = Call(self)
        call.stream = stream
        stream.delegate = call
    }

    func http2Settings() {}
    func http2Goaway(lastStreamID: Int32, errorCode: HTTP2ErrorCode) {}
    func http2PingAcknowledged() {}
    func http2HasOutput() {}
}
