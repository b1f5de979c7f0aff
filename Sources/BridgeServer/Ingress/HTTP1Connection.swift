// rtbridge: a client's HTTP/1.1 connection.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgeWire
import NIOCore
import NIOHTTP1

/// One request after another (RFC 9112), or a tunnel once a WebSocket was opened.
///
/// ```
/// idle ──head──▶ busy ──answered and read to its end──▶ idle
///                  ├──answered, more of the request to come──▶ lingering ──▶ closed
///                  └──openTunnel──▶ tunnel ──────────────────────────────▶ closed
/// ```
/// Requests that are sent ahead (pipelining) wait in the decoder's and the kernel's buffers: nothing is read while a
/// request is busy and the next one has begun.
final class HTTP1Connection: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    private enum Phase { case idle, busy, tunnel, lingering, closed }

    /// Bytes that a leg may leave untaken before reading stops.
    static let maximumUntaken = 64 * 1024
    /// Above this a piece is written by itself, and not copied.
    private static let maximumCopied = 4 * 1024
    /// How long the rest of a refused request is read, so that the answer is not destroyed by a reset
    /// (RFC 9112 §9.6: "the server should … close the read side … lingering").
    private static let lingerTime = TimeAmount.seconds(2)

    let ingress: Ingress
    let info: ConnectionInfo
    private let decoder: ByteToMessageHandler<HTTPRequestDecoder>
    private let rawBytes = RawBytes()
    private var context: ChannelHandlerContext?
    private var phase = Phase.idle
    private var stream: HTTP1Stream?
    private var ahead = CircularBuffer<HTTPServerRequestPart>()
    private var outbound = ByteBuffer()
    private var untaken = 0
    private var isDirty = false
    private var isReadWanted = false
    private var isDraining = false
    private var timer: WheelTimer?

    init(ingress: Ingress, info: ConnectionInfo, decoder: ByteToMessageHandler<HTTPRequestDecoder>) {
        self.ingress = ingress
        self.info = info
        self.decoder = decoder
    }

    static func limits(_ limits: ListenerLimits) -> NIOHTTPDecoderLimitConfiguration {
        var configuration = NIOHTTPDecoderLimitConfiguration()
        configuration.maxHeaderListSize = limits.maxHeaderBytes
        configuration.maxHeaderFieldSize = limits.maxHeaderBytes
        return configuration
    }

    private var worker: Worker { ingress.worker }
    var isWritable: Bool { outbound.readableBytes < 64 * 1024 && context?.channel.isWritable ?? false }

    // MARK: Lifecycle

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        ingress.opened(self)
        arm(ingress.listener.limits.headerTimeout)
    }

    func channelInactive(context: ChannelHandlerContext) { lost("the client closed the connection") }
    func handlerRemoved(context: ChannelHandlerContext) { lost("the client closed the connection") }

    private func lost(_ reason: String) {
        guard self.context != nil else { return }
        worker.refreshClock()
        context = nil
        phase = .closed
        timer?.cancel()
        ingress.closed(self)
        let handler = stream?.handler
        stream = nil
        handler?.requestAborted(reason)
    }

    private func arm(_ duration: Duration?) {
        timer?.cancel()
        timer = duration.map { worker.timers.schedule(at: worker.eventLoop.now + TimeAmount($0), self) }
    }

    // MARK: Inbound

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        worker.refreshClock()
        switch phase {
        // The back-end may be reached while the decoder still has the rest of the request to tell.
        case .tunnel where stream?.hasRequestEnded == false:
            if case .end = unwrapInboundIn(data) { stream?.hasRequestEnded = true }
        case .tunnel: received(rawBytes.unwrap(data))
        case .lingering, .closed: break
        case .idle, .busy:
            let part = unwrapInboundIn(data)
            if !ahead.isEmpty || stream?.hasRequestEnded == true { ahead.append(part) } else { received(part) }
        }
    }

    private func received(_ part: HTTPServerRequestPart) {
        switch part {
        case .head(let head): begin(head)
        case .body(let bytes): received(bytes)
        case .end(let trailers):
            guard let stream else { return }
            stream.hasRequestEnded = true
            stream.handler?.requestEnded(trailers.map { HTTP1Fields.block($0) })
            requestOrAnswerEnded()
        }
    }

    private func begin(_ head: HTTPRequestHead) {
        phase = .busy
        timer?.cancel()
        let stream = HTTP1Stream(self, head)
        self.stream = stream
        switch HTTP1Fields.request(head, isTLS: info.isTLS) {
        case .success(let fields):
            guard fields.listSize <= ingress.listener.limits.maxHeaderBytes + 32 * fields.count else {
                return refuseHead(stream)
            }
            ingress.dispatch(RequestHead(version: .http1, fields: fields, connection: info), stream)
            if stream.handler != nil, !stream.hasAnswered { continueIfExpected(head) }
        case .failure(let error):
            stream.closesAfterwards = true
            LocalAnswer.send(stream, status: 400, text: error.reason)
        }
    }

    private func refuseHead(_ stream: HTTP1Stream) {
        stream.closesAfterwards = true
        let limit = ingress.listener.limits.maxHeaderBytes
        LocalAnswer.send(stream, status: 431, text: "Header fields of more than \(limit) bytes (limits.maxHeaderBytes).")
    }

    /// RFC 9110 §10.1.1: the client waits with the body until it is told to send it.
    private func continueIfExpected(_ head: HTTPRequestHead) {
        guard head.headers.first(name: "expect")?.lowercased() == "100-continue", head.version == .http1_1 else { return }
        outbound.writeStaticString("HTTP/1.1 100 Continue\r\n\r\n")
        markDirty()
    }

    private func received(_ bytes: ByteBuffer) {
        guard let handler = stream?.handler else { return }
        untaken += bytes.readableBytes
        handler.requestBody(bytes)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed = event else { return context.fireUserInboundEventTriggered(event) }
        worker.refreshClock()
        switch phase {
        case .tunnel: stream?.handler?.requestEnded(nil)
        // A client that has sent its request and half-closed still wants the answer; within a request it is gone.
        case .busy where stream?.hasRequestEnded == true: stream?.closesAfterwards = true
        case .idle, .busy, .lingering, .closed: context.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is HTTPParserError, phase == .idle || phase == .busy, stream?.hasAnswered != true else {
            return context.close(promise: nil)
        }
        // The decoder has given up: say why, and close.
        let isTooLong = HTTP1Fields.isTooLong(error)
        let handler = stream?.handler
        let stream = HTTP1Stream(self, HTTPRequestHead(version: .http1_1, method: .GET, uri: "/"))
        self.stream = stream
        phase = .busy
        handler?.requestAborted("the request broke HTTP/1.1: \(error)")
        stream.closesAfterwards = true
        let limit = ingress.listener.limits.maxHeaderBytes
        let text = isTooLong ? "Header fields of more than \(limit) bytes (limits.maxHeaderBytes)." : "This is not a valid request."
        LocalAnswer.send(stream, status: isTooLong ? 431 : 400, text: text)
    }

    // MARK: Reading

    func read(context: ChannelHandlerContext) {
        guard mayRead else {
            isReadWanted = true
            return
        }
        context.read()
    }

    private var mayRead: Bool { phase == .lingering || untaken < Self.maximumUntaken && ahead.isEmpty }

    private func readIfWanted() {
        guard isReadWanted, mayRead else { return }
        isReadWanted = false
        context?.read()
    }

    func consume(_ count: Int) {
        untaken = max(0, untaken - count)
        readIfWanted()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        worker.refreshClock()
        if isWritable { stream?.handler?.responseWritable() }
    }

    // MARK: Outbound, for the stream

    func append(_ write: (inout ByteBuffer) -> Void) {
        guard context != nil else { return }
        write(&outbound)
        markDirty()
    }

    /// Body bytes, after what was appended before.
    func send(_ bytes: ByteBuffer) {
        guard let context else { return }
        if bytes.readableBytes <= Self.maximumCopied {
            outbound.writeImmutableBuffer(bytes)
        } else {
            writeOutbound(context)
            context.write(wrapOutboundOut(bytes), promise: nil)
        }
        markDirty()
    }

    private func writeOutbound(_ context: ChannelHandlerContext) {
        guard outbound.readableBytes > 0 else { return }
        context.write(wrapOutboundOut(outbound), promise: nil)
        // Uses the memory again where the channel has let go of it.
        outbound.clear()
    }

    private func markDirty() {
        guard !isDirty else { return }
        isDirty = true
        worker.flushAtTickEnd(self)
    }

    /// The decoder leaves; what it had read beyond the request comes as raw bytes.
    func becomeTunnel() {
        phase = .tunnel
        timer?.cancel()
        context?.pipeline.syncOperations.removeHandler(decoder, promise: nil)
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

    func abort() {
        context?.close(promise: nil)
    }

    /// Whether the connection ends after this answer, so that the answer says so.
    var closesAfterAnswer: Bool {
        guard let stream, !isDraining, !stream.closesAfterwards else { return true }
        return stream.hasBody && !stream.hasRequestEnded
    }

    private func requestOrAnswerEnded() {
        guard let stream, stream.hasAnswered else { return }
        guard !stream.saidClose else { return finishOutput() }
        guard stream.hasRequestEnded else { return }
        self.stream = nil
        untaken = 0
        phase = .idle
        guard !isDraining else { return finishOutput() }
        arm(ingress.listener.limits.idleTimeout)
        // The next request, once this one's callers have returned.
        guard !ahead.isEmpty else { return readIfWanted() }
        worker.eventLoop.assumeIsolated().execute { [self] in takeAhead() }
    }

    private func takeAhead() {
        while phase == .idle || phase == .busy && stream?.hasRequestEnded == false, let part = ahead.popFirst() {
            received(part)
        }
        readIfWanted()
    }

    /// Sends what there is and our end of the connection; what the client still sends is read for a while.
    private func finishOutput() {
        guard phase != .lingering, phase != .closed, let context else { return }
        phase = .lingering
        stream = nil
        ahead.removeAll()
        writeOutbound(context)
        context.flush()
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).assumeIsolated().whenComplete { [self] _ in
            self.context?.close(mode: .output, promise: nil)
        }
        timer?.cancel()
        timer = worker.timers.schedule(at: worker.eventLoop.now + Self.lingerTime, self)
        readIfWanted()
    }
}

extension HTTP1Connection: TickFlushable {
    func flushAtTickEnd() {
        isDirty = false
        guard let context else { return }
        writeOutbound(context)
        context.flush()
        if isWritable { stream?.handler?.responseWritable() }
    }
}

extension HTTP1Connection: WheelTimerTarget {
    func timerFired(_ timer: WheelTimer) {
        if phase == .idle || phase == .lingering { context?.close(promise: nil) }
    }
}

extension HTTP1Connection: DrainableConnection {
    func drain() {
        guard !isDraining else { return }
        isDraining = true
        switch phase {
        case .idle: context?.close(promise: nil)
        case .busy, .tunnel: stream?.handler?.drain()
        case .lingering, .closed: break
        }
    }

    func closeNow() { context?.close(promise: nil) }
}

/// Takes a buffer out of the pipeline's box where the decoder no longer stands before us.
private final class RawBytes: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    func unwrap(_ data: NIOAny) -> ByteBuffer { unwrapInboundIn(data) }
}
