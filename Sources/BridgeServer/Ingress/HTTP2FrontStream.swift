// rtbridge: a request over a stream of HTTP/2.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire
import HTTP2Session
import NIOCore

/// Stands between a session's stream and the leg that answers it.
///
/// A CONNECT becomes a tunnel when it is answered: a TCP connection's end is END_STREAM then, and its reset is RST_STREAM
/// with CANCEL (RFC 8441 §5).
final class HTTP2FrontStream {
    /// How long the client of a tunnel that we have ended may take to end its side, as over HTTP/1.1: once it has taken
    /// what was written.
    private static let lingerTime = TimeAmount.seconds(2)

    var handler: (any HTTPFrontHandler)?
    private let stream: HTTP2Stream
    private let connection: HTTP2Connection
    private let method: RequestHead.Method
    private var isTunnel = false
    private var lingerTimer: WheelTimer?
    /// When it was looked at last, not everything had been taken.
    private var wasSlow = false
    /// When a client that does not take what was written is given up.
    private var lingerEnd = NIODeadline.distantFuture
    private var trailers: FieldBlock?

    init(_ stream: HTTP2Stream, connection: HTTP2Connection, _ method: RequestHead.Method) {
        self.stream = stream
        self.connection = connection
        self.method = method
    }
}

extension HTTP2FrontStream: HTTPFrontStream {
    /// The stream's own queue is the bound: a connection that is full leaves it waiting.
    var isWritable: Bool { stream.isWritable }

    func inform(_ fields: FieldBlock) { stream.inform(fields) }

    /// RFC 9110 §9.3.2: "the server MUST NOT send content in the response" to HEAD.
    func respond(_ fields: FieldBlock, endStream: Bool) {
        let endStream = endStream || method == .head
        stream.respond(fields, endStream: endStream)
        if endStream { handler = nil }
    }

    func openTunnel(_ fields: FieldBlock) {
        isTunnel = true
        stream.staysOpenAfterEnd = true
        stream.respond(fields, endStream: false)
    }

    func write(_ bytes: ByteBuffer) { stream.write(bytes) }

    /// Who answered hears no more: how the stream closes after that is not worth a word.
    func finish(_ trailers: FieldBlock?) {
        stream.finish(trailers)
        handler = nil
        guard isTunnel, !stream.hasPeerEnded else { return }
        lingerEnd = connection.worker.now + connection.patience
        linger()
    }

    private func linger() {
        lingerTimer = connection.worker.timers.schedule(at: connection.worker.now + Self.lingerTime, self)
    }

    func reset() { if isTunnel { stream.reset(.cancel) } else { stream.breakOff() } }
    func consume(_ count: Int) { stream.consume(count) }
}

extension HTTP2FrontStream: HTTP2StreamDelegate {
    /// Trailers; those that are too large are as good as none.
    func http2Fields(_ fields: consuming FieldBlock, kind: HTTP2FieldsKind, isTooLarge: Bool) {
        if !isTooLarge { trailers = fields }
    }

    func http2Body(_ bytes: ByteBuffer) {
        guard let handler else { return stream.consume(bytes.readableBytes) }
        handler.requestBody(bytes)
    }

    func http2Ended() {
        // There is nothing to tunnel from a client that has ended its side before the tunnel was there.
        guard method == .connect, !isTunnel, let handler else { return self.handler?.requestEnded(trailers) ?? () }
        self.handler = nil
        stream.reset(.cancel)
        handler.requestAborted("the client ended its side of the tunnel before it was open")
    }

    func http2Writable() { handler?.responseWritable() }

    func http2Closed(_ errorCode: HTTP2ErrorCode, wasNotSent: Bool) {
        // Whoever hears of it ends the stream once more: there is nothing left to linger for.
        isTunnel = false
        lingerTimer?.cancel()
        if let handler {
            self.handler = nil
            handler.requestAborted("the client reset the stream: \(errorCode)")
        }
        connection.streamClosed()
    }
}

extension HTTP2FrontStream: WheelTimerTarget {
    func timerFired(_ timer: WheelTimer) {
        let isSlow = stream.pendingBytes > 0
        guard connection.worker.now < lingerEnd, isSlow || wasSlow else { return stream.reset(.cancel) }
        wasSlow = isSlow
        linger()
    }
}
