// rtbridge: a request over a stream of HTTP/2.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire
import HTTP2Session
import NIOCore

/// Stands between a session's stream and the leg that answers it.
final class HTTP2FrontStream {
    var handler: (any HTTPFrontHandler)?
    private let stream: HTTP2Stream
    private let connection: HTTP2Connection
    private let isHead: Bool
    private var trailers: FieldBlock?

    init(_ stream: HTTP2Stream, connection: HTTP2Connection, isHead: Bool) {
        self.stream = stream
        self.connection = connection
        self.isHead = isHead
    }
}

extension HTTP2FrontStream: HTTPFrontStream {
    /// The stream's own queue is the bound: a connection that is full leaves it waiting.
    var isWritable: Bool { stream.isWritable }

    func inform(_ fields: FieldBlock) { stream.inform(fields) }

    /// RFC 9110 §9.3.2: "the server MUST NOT send content in the response" to HEAD.
    func respond(_ fields: FieldBlock, endStream: Bool) {
        let endStream = endStream || isHead
        stream.respond(fields, endStream: endStream)
        if endStream { handler = nil }
    }

    func openTunnel(_ fields: FieldBlock) { stream.respond(fields, endStream: false) }

    func write(_ bytes: ByteBuffer) { stream.write(bytes) }

    /// Who answered hears no more: how the stream closes after that is not worth a word.
    func finish(_ trailers: FieldBlock?) {
        stream.finish(trailers)
        handler = nil
    }

    func reset() { stream.breakOff() }
    func consume(_ count: Int) { stream.consume(count) }
}

extension HTTP2FrontStream: HTTP2StreamDelegate {
    /// Trailers; those that are too large are as good as none.
    func http2Fields(_ fields: FieldBlock, kind: HTTP2FieldsKind, isTooLarge: Bool) {
        if !isTooLarge { trailers = fields }
    }

    func http2Body(_ bytes: ByteBuffer) {
        guard let handler else { return stream.consume(bytes.readableBytes) }
        handler.requestBody(bytes)
    }

    func http2Ended() { handler?.requestEnded(trailers) }
    func http2Writable() { handler?.responseWritable() }

    func http2Closed(_ errorCode: HTTP2ErrorCode, wasNotSent: Bool) {
        if let handler {
            self.handler = nil
            handler.requestAborted("the client reset the stream: \(errorCode)")
        }
        connection.streamClosed()
    }
}
