// rtbridge: a request over HTTP/1.1.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire
import NIOCore

/// One request and its answer on an ``HTTP1Connection``.
final class HTTP1Stream {
    private enum Body { case none, chunked, plain }

    var handler: (any HTTPFrontHandler)?
    var hasRequestEnded = false
    /// The answer is complete.
    private(set) var hasAnswered = false
    /// The connection must end after the answer.
    var closesAfterwards: Bool
    /// The answer said `connection: close`.
    private(set) var saidClose = false

    private let connection: HTTP1Connection
    private let isHTTP10: Bool
    private let isHead: Bool
    /// Whether a body is announced; without one the request ends with its head.
    let hasBody: Bool
    private var body = Body.none
    private var isHeadSent = false
    private var isTunnel = false
    /// The answer's end is the connection's.
    private var endsWithConnection = false
    /// No further request is read after this one: what follows might be another protocol's.
    let stopsParser: Bool

    init(_ connection: HTTP1Connection, _ head: HTTP1Head) {
        self.connection = connection
        isHTTP10 = head.isHTTP10
        isHead = head.fields.withFirst(":method") { FieldBytes.areEqual($0, "HEAD") } ?? false
        hasBody = head.hasBody
        stopsParser = head.isUpgrade || head.fields.contains("upgrade")
        closesAfterwards = !head.isKeepAlive || stopsParser
    }
}

extension HTTP1Stream: HTTPFrontStream {
    var isWritable: Bool { connection.isWritable }

    /// RFC 9110 §15.2: "a server MUST NOT send a 1xx response to an HTTP/1.0 client".
    func inform(_ fields: FieldBlock) {
        guard !isHeadSent, !isHTTP10 else { return }
        connection.append { buffer in
            HTTP1Fields.writeHead(fields, into: &buffer)
            buffer.writeStaticString("\r\n")
        }
    }

    func respond(_ fields: FieldBlock, endStream: Bool) {
        guard !isHeadSent else { return }
        isHeadSent = true
        let hasLength = fields.contains("content-length")
        let isBodiless = fields.withFirst(":status") {
            FieldBytes.areEqual($0, "204") || FieldBytes.areEqual($0, "304")
        }
        saidClose = connection.closesAfterAnswer
        // RFC 9110 §9.3.2: "the server MUST NOT send content in the response" to HEAD.
        if !endStream, !isHead {
            body = hasLength ? .plain : .chunked
            // RFC 9112 §6.1: a server must not send transfer codings to HTTP/1.0: the end of the connection is the end.
            if body == .chunked, isHTTP10 {
                body = .plain
                endsWithConnection = true
                saidClose = true
            }
        }
        connection.append { buffer in
            HTTP1Fields.writeHead(fields, into: &buffer)
            if endStream, !hasLength, isBodiless != true, !isHead { buffer.writeStaticString("content-length: 0\r\n") }
            if body == .chunked { buffer.writeStaticString("transfer-encoding: chunked\r\n") }
            if saidClose { buffer.writeStaticString("connection: close\r\n") }
            if !saidClose, isHTTP10 { buffer.writeStaticString("connection: keep-alive\r\n") }
            buffer.writeStaticString("\r\n")
        }
        if endStream { ended() }
    }

    func openTunnel(_ fields: FieldBlock) {
        guard !isHeadSent else { return }
        isHeadSent = true
        isTunnel = true
        body = .plain
        connection.append { buffer in
            HTTP1Fields.writeHead(fields, status: "101", into: &buffer)
            buffer.writeStaticString("\r\n")
        }
        connection.becomeTunnel()
    }

    func write(_ bytes: ByteBuffer) {
        guard isHeadSent, !hasAnswered, bytes.readableBytes > 0 else { return }
        switch body {
        case .none: break
        case .plain: connection.send(bytes)
        case .chunked:
            connection.append { HTTP1Lines.writeChunkHeader(bytes.readableBytes, into: &$0) }
            connection.send(bytes)
            connection.append { $0.writeStaticString("\r\n") }
        }
    }

    func finish(_ trailers: FieldBlock?) {
        guard isHeadSent, !hasAnswered else { return }
        if body == .chunked {
            // RFC 9112 §7.1.2: trailer fields stand between the last chunk and the empty line.
            connection.append { buffer in
                buffer.writeStaticString("0\r\n")
                if let trailers { HTTP1Lines.write(trailers, into: &buffer) }
                buffer.writeStaticString("\r\n")
            }
        }
        ended()
    }

    func reset() {
        hasAnswered = true
        handler = nil
        connection.abort(isEnd: endsWithConnection)
    }

    func consume(_ count: Int) { connection.consume(count) }

    private func ended() {
        hasAnswered = true
        if !isTunnel { handler = nil }
        connection.answerEnded()
    }
}
