// rtbridge: a request over a stream of HTTP/2.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire
import HTTP2Session
import NIOCore

/// A session's stream, as the leg that answers it sees it.
///
/// A CONNECT becomes a tunnel when it is answered: a TCP connection's end is END_STREAM then, and its reset is RST_STREAM
/// with CANCEL (RFC 8441 §5).
final class HTTP2FrontStream: HTTP2Stream {
    /// How long the client of a tunnel that we have ended may take to end its side, as over HTTP/1.1: once it has taken
    /// what was written.
    private static let lingerTime = TimeAmount.seconds(2)

    var handler: (any HTTPFrontHandler)?
    private let connection: HTTP2Connection
    /// nil before the request's head is there: until then the stream is no request.
    var method: RequestHead.Method?
    private var isTunnel = false
    private var lingerTimer: WheelTimer?
    /// When it was looked at last, not everything had been taken.
    private var wasSlow = false
    /// When a client that does not take what was written is given up.
    private var lingerEnd = NIODeadline.distantFuture
    /// The request's.
    private var requestTrailers: FieldBlock?

    init(of session: HTTP2Session, connection: HTTP2Connection) {
        self.connection = connection
        super.init(session: session)
    }

    // MARK: Commands

    /// RFC 9110 §9.3.2: "the server MUST NOT send content in the response" to HEAD.
    override func respond(_ fields: FieldBlock, endStream: Bool) {
        let endStream = endStream || method == .head
        super.respond(fields, endStream: endStream)
        if endStream { handler = nil }
    }

    /// Who answered hears no more: how the stream closes after that is not worth a word.
    override func finish(_ trailers: FieldBlock?) {
        super.finish(trailers)
        handler = nil
        guard isTunnel, !hasPeerEnded else { return }
        lingerEnd = connection.worker.now + connection.patience
        linger()
    }

    private func linger() {
        lingerTimer = connection.worker.timers.schedule(at: connection.worker.now + Self.lingerTime, self)
    }

    // MARK: Events

    /// Trailers; those that are too large are as good as none.
    override func http2Fields(_ fields: consuming FieldBlock, kind: HTTP2FieldsKind, isTooLarge: Bool) {
        if !isTooLarge { requestTrailers = fields }
    }

    override func http2Body(_ bytes: ByteBuffer) {
        guard let handler else { return consume(bytes.readableBytes) }
        handler.requestBody(bytes)
    }

    override func http2Ended() {
        // There is nothing to tunnel from a client that has ended its side before the tunnel was there.
        guard method == .connect, !isTunnel, let handler else {
            return self.handler?.requestEnded(requestTrailers) ?? ()
        }
        self.handler = nil
        reset(.cancel)
        handler.requestAborted("the client ended its side of the tunnel before it was open")
    }

    override func http2Writable() { handler?.responseWritable() }

    override func http2Closed(_ errorCode: HTTP2ErrorCode, wasNotSent: Bool) {
        // Whoever hears of it ends the stream once more: there is nothing left to linger for.
        isTunnel = false
        lingerTimer?.cancel()
        if let handler {
            self.handler = nil
            handler.requestAborted("the client reset the stream: \(errorCode)")
        }
        if method != nil { connection.streamClosed() }
    }
}

/// The stream's own queue is the bound: a connection that is full leaves it waiting.
extension HTTP2FrontStream: HTTPFrontStream {
    func openTunnel(_ fields: FieldBlock) {
        isTunnel = true
        staysOpenAfterEnd = true
        super.respond(fields, endStream: false)
    }

    func reset() { if isTunnel { reset(.cancel) } else { breakOff() } }
}

extension HTTP2FrontStream: WheelTimerTarget {
    func timerFired(_ timer: WheelTimer) {
        let isSlow = pendingBytes > 0
        guard connection.worker.now < lingerEnd, isSlow || wasSlow else { return reset(.cancel) }
        wasSlow = isSlow
        linger()
    }
}
