// rtbridge: a client's HTTP/1.1 connection.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgeSockets
import BridgeWire
import NIOCore

/// One request after another (RFC 9112), or a tunnel once a WebSocket was opened.
///
/// ```
/// idle ──head──▶ busy ──answered and read to its end──▶ idle
///                  ├──answered, more of the request to come──▶ lingering ──▶ closed
///                  └──openTunnel──▶ tunnel ──────────────────────────────▶ closed
/// ```
/// Requests that are sent ahead (pipelining) wait in ``unread`` and the kernel's buffers: nothing is read while a
/// request is busy and the next one has begun.
final class HTTP1Connection: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    enum Phase { case idle, busy, tunnel, lingering, closed }

    /// A request has come.
    private var hasServed = false
    /// Bytes that a leg may leave untaken before reading stops.
    static let maximumUntaken = 64 * 1024

    let ingress: Ingress
    let info: ConnectionInfo
    let parser: HTTP1Parser
    var context: ChannelHandlerContext?
    var phase = Phase.idle
    var stream: HTTP1Stream?
    /// What the client has sent behind the request that is busy, or behind an upgrade.
    var unread = ByteBuffer()
    var isParsing = false
    /// What goes out at the end of the tick. Its memory is the worker's between ticks.
    var outbound = ByteBuffer()
    /// A piece behind ``outbound`` that is not copied, and what stands behind that.
    var large = ByteBuffer()
    var behind = ByteBuffer()
    /// Where no TLS stands before the socket.
    private(set) var writer: SocketWriter?
    var untaken = 0
    var isDirty = false
    private var isReadWanted = false
    /// As the channel says it; asking it costs more.
    private var isChannelWritable = true
    var isDraining = false
    var timer = LazyTimer()

    init(ingress: Ingress, info: ConnectionInfo) {
        self.ingress = ingress
        self.info = info
        parser = HTTP1Parser(.requests(isTLS: info.isTLS), maximumBytes: ingress.listener.limits.maxHeaderBytes)
    }

    var worker: Worker { ingress.worker }
    var isWritable: Bool {
        outbound.readableBytes + behind.readableBytes < 64 * 1024 && isChannelWritable
    }

    // MARK: Lifecycle

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        writer = SocketWriter(context.channel, isClear: !info.isTLS)
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
        isChannelWritable = false
        unread = ByteBuffer()
        timer.cancel()
        ingress.closed(self)
        worker.keptForClients.ended(info)
        abandonStream(reason)
    }

    func abandonStream(_ reason: String) {
        let handler = stream?.handler
        // The stream and who answers it hold each other.
        stream?.handler = nil
        stream = nil
        handler?.requestAborted(reason)
    }

    /// - Parameter now: nil: outside of an event that has brought the worker's clock up to date.
    func arm(_ duration: Duration?, now: NIODeadline? = nil) {
        guard let duration else { return timer.callOff() }
        timer.schedule(at: (now ?? worker.eventLoop.now) + TimeAmount(duration), worker, self)
    }

    // MARK: Inbound

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        worker.refreshClock()
        switch phase {
        case .tunnel where stream?.hasRequestEnded != false: received(unwrapInboundIn(data))
        case .lingering, .closed: break
        case .idle, .busy, .tunnel:
            var bytes = unwrapInboundIn(data)
            if unread.readableBytes == 0 { unread = bytes } else { unread.writeBuffer(&bytes) }
            takeUnread()
        }
    }

    func begin(_ head: HTTP1Head) {
        phase = .busy
        hasServed = true
        timer.callOff()
        let stream = HTTP1Stream(self, head)
        self.stream = stream
        if let problem = head.problem {
            stream.closesAfterwards = true
            return LocalAnswer.send(stream, status: 400, text: problem)
        }
        guard head.fields.byteCount <= ingress.listener.limits.maxHeaderBytes else { return refuseHead(stream) }
        ingress.dispatch(
            RequestHead(version: .http1, fields: head.fields, connection: info, isHTTP10: head.isHTTP10), stream)
        if stream.handler?.passesExpectation == false, !stream.hasAnswered { continueIfExpected(head) }
    }

    private func refuseHead(_ stream: HTTP1Stream) {
        stream.closesAfterwards = true
        let limit = ingress.listener.limits.maxHeaderBytes
        LocalAnswer.send(
            stream, status: 431, text: "Header fields of more than \(limit) bytes (limits.maxHeaderBytes).")
    }

    /// RFC 9110 §10.1.1: the client waits with the body until it is told to send it.
    private func continueIfExpected(_ head: HTTP1Head) {
        guard let expect = head.fields.string("expect"), expect.lowercased() == "100-continue", !head.isHTTP10 else {
            return
        }
        outbound.writeStaticString("HTTP/1.1 100 Continue\r\n\r\n")
        markDirty()
    }

    func received(_ bytes: ByteBuffer) {
        guard let handler = stream?.handler else { return }
        untaken += bytes.readableBytes
        handler.requestBody(bytes)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed = event else { return context.fireUserInboundEventTriggered(event) }
        worker.refreshClock()
        if isParsingWanted { received(parser.finish()) }
        switch phase {
        case .tunnel: stream?.handler?.requestEnded(nil)
        // A client that ends its side is gone, as far as anybody can tell: HTTP/1.1 has no half-close that says more
        // is wanted (RFC 9112 §9.6), and a stream for nobody would otherwise go on until it is written to.
        case .busy where stream?.hasAnswered != true: context.close(promise: nil)
        // The last answer may still wait for the end of this tick.
        case .busy, .idle: finishOutput()
        // Our last bytes may still be on their way; the connection ends after them.
        case .lingering, .closed: break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    // MARK: Reading

    func read(context: ChannelHandlerContext) {
        guard mayRead else {
            isReadWanted = true
            return
        }
        context.read()
    }

    private var mayRead: Bool {
        guard phase != .lingering, writer?.hasFailed != true else { return true }
        // What comes behind an upgrade waits for the tunnel to open.
        if phase == .busy, let stream, stream.stopsParser, stream.hasRequestEnded { return false }
        return untaken < Self.maximumUntaken && unread.readableBytes == 0
    }

    func readIfWanted() {
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
        isChannelWritable = context.channel.isWritable
        if isWritable { stream?.handler?.responseWritable() }
    }
}

extension HTTP1Connection: TickFlushable {
    func flushAtTickEnd() {
        isDirty = false
        guard let context else { return }
        writeOutbound(context)
        if let writer { writer.flush() } else { context.flush() }
        if isWritable { stream?.handler?.responseWritable() }
    }
}

extension HTTP1Connection: WheelTimerTarget {
    func timerFired(_ timer: WheelTimer) {
        guard self.timer.isDue(worker, self) else { return }
        switch phase {
        case .busy, .tunnel: break
        case .idle:
            ingress.noteTimeout(hasServed ? .connectionIdle : .header, info)
            if hasServed { context?.close(promise: nil) } else { refuseLate() }
        case .lingering, .closed: context?.close(promise: nil)
        }
    }
}

extension HTTP1Connection: DrainableConnection {
    func drain() {
        guard !isDraining else { return }
        isDraining = true
        switch phase {
        // A slow client may not have the last answer yet.
        case .idle: finishOutput()
        case .busy, .tunnel: stream?.handler?.drain()
        case .lingering, .closed: break
        }
    }

    func closeNow() { context?.close(promise: nil) }
}
