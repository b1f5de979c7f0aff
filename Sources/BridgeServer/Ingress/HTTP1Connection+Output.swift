// rtbridge: what goes out on an HTTP/1.1 connection, and how it ends.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire
import NIOCore

extension HTTP1Connection {
    /// Larger pieces are not copied.
    private static let maximumCopied = 4 * 1024
    /// How long the rest of a refused request is read, so that the answer is not destroyed by a reset
    /// (RFC 9112 §9.6: "the server should … close the read side … lingering").
    private static let lingerTime = Duration.seconds(2)

    func append(_ write: (inout ByteBuffer) -> Void) {
        guard context != nil else { return }
        if large.readableBytes > 0 {
            if behind.capacity == 0 { behind = worker.takeOutput() }
            write(&behind)
        } else {
            if outbound.capacity == 0 { outbound = worker.takeOutput() }
            write(&outbound)
        }
        markDirty()
    }

    /// Body bytes, after what was appended before.
    func send(_ bytes: ByteBuffer) {
        guard let context else { return }
        guard bytes.readableBytes > Self.maximumCopied else { return append { $0.writeImmutableBuffer(bytes) } }
        if large.readableBytes > 0 { writeOutbound(context) }
        large = bytes
        markDirty()
    }

    func writeOutbound(_ context: ChannelHandlerContext) {
        if let writer {
            if large.readableBytes > 0 { writer.send(outbound, large, behind) } else { writer.send(outbound) }
        } else {
            for piece in [outbound, large, behind] where piece.readableBytes > 0 {
                context.write(wrapOutboundOut(piece), promise: nil)
            }
        }
        large = ByteBuffer()
        giveBack(&outbound)
        giveBack(&behind)
    }

    private func giveBack(_ buffer: inout ByteBuffer) {
        guard buffer.capacity > 0 else { return }
        worker.giveBackOutput(buffer)
        buffer = ByteBuffer()
    }

    func markDirty() {
        guard !isDirty else { return }
        isDirty = true
        worker.flushAtTickEnd(self)
    }

    /// What stands behind the request are raw bytes.
    func becomeTunnel() {
        phase = .tunnel
        timer.callOff()
        passUnread()
        readIfWanted()
    }

    /// The answer is complete.
    func answerEnded() {
        switch phase {
        case .tunnel:
            stream?.handler = nil
            finishOutput()
        case .busy: requestOrAnswerEnded()
        case .idle, .lingering, .closed: break
        }
    }

    /// Sends what there is, and ends the connection without the answer's end.
    ///
    /// - Parameter isEnd: whether the connection's end would be the answer's: then there has to be none in order.
    func abort(isEnd: Bool) {
        guard isEnd else { return finishOutput() }
        guard phase != .lingering, phase != .closed, let context else { return }
        phase = .closed
        arm(ingress.listener.limits.idleTimeout)
        writeOutbound(context)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).assumeIsolated().whenComplete { [self] _ in
            self.context?.close(promise: nil)
        }
    }

    /// Whether the connection ends after this answer, so that the answer says so.
    var closesAfterAnswer: Bool {
        guard let stream, !isDraining, !stream.closesAfterwards else { return true }
        return stream.hasBody && !stream.hasRequestEnded
    }

    func requestOrAnswerEnded() {
        guard let stream, stream.hasAnswered else { return }
        guard !stream.saidClose else { return finishOutput() }
        guard stream.hasRequestEnded else { return }
        self.stream = nil
        untaken = 0
        phase = .idle
        guard !isDraining else { return finishOutput() }
        arm(ingress.listener.limits.idleTimeout, now: worker.now)
        // The next request, once this one's callers have returned.
        guard unread.readableBytes > 0 else { return readIfWanted() }
        worker.eventLoop.assumeIsolated().execute { [self] in
            takeUnread()
            readIfWanted()
        }
    }

    /// Sends what there is and our end of the connection; what the client still sends is read for a while.
    /// A client that takes the answer slowly gets as long for it as an idle one; the lingering begins behind it.
    func finishOutput() {
        guard phase != .lingering, phase != .closed, let context else { return }
        phase = .lingering
        stream = nil
        unread = ByteBuffer()
        arm(ingress.listener.limits.idleTimeout)
        writeOutbound(context)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).assumeIsolated().whenComplete { [self] _ in
            guard let context = self.context else { return }
            arm(Self.lingerTime)
            context.close(mode: .output, promise: nil)
        }
        readIfWanted()
    }

    /// RFC 9110 §15.5.9: 408 says that the server "did not receive a complete request message within the time that it
    /// was prepared to wait".
    ///
    /// Not over TLS: browsers open connections ahead, and an answer to a request that they did not make is an error page.
    func refuseLate() {
        guard !info.isTLS else { return context?.close(promise: nil) ?? () }
        let stream = HTTP1Stream(self, HTTP1Head())
        self.stream = stream
        phase = .busy
        stream.closesAfterwards = true
        let seconds = (ingress.listener.limits.headerTimeout ?? .zero) / .seconds(1)
        LocalAnswer.send(
            stream, status: 408, text: "No whole request head within \(seconds) s (limits.headerTimeout).")
    }
}
