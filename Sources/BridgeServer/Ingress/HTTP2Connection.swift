// rtbridge: a client's HTTP/2 connection.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgeSockets
import BridgeWire
import HTTP2Session
import NIOCore
import NIOOpenSSL

/// Drives one session in the front role; its streams are plain objects.
final class HTTP2Connection: ChannelInboundHandler, ByteReceiver {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// How long the client may take for its own end, after ours.
    private static let lingerTime = TimeAmount.seconds(2)

    private let ingress: Ingress
    let worker: Worker
    private let info: ConnectionInfo
    private let session: HTTP2Session
    private var output: HTTP2Output
    private var context: ChannelHandlerContext?
    private var isDirty = false
    private var isDraining = false
    /// What there is to say is sent, and then the connection is closed.
    private var isClosing = false
    private var isLingering = false
    private var hasSentEnd = false
    private var isViolationNoted = false
    private var idleTimer: WheelTimer?
    /// When the client last sent something, took something, or a stream ended.
    private var lastActivity: NIODeadline
    /// Requests in flight. A stream whose head has not come to its end is none.
    private var requests = 0

    init(ingress: Ingress, info: ConnectionInfo) {
        self.ingress = ingress
        worker = ingress.worker
        self.info = info
        output = info.isTLS ? HTTP2Output { $0.tlsSink } : HTTP2Output()
        lastActivity = ingress.worker.eventLoop.now
        var options = HTTP2Options()
        options.maxConcurrentStreams = UInt32(clamping: ingress.listener.limits.maxConcurrentStreams)
        options.maxHeaderListSize = UInt32(clamping: ingress.listener.limits.maxHeaderBytes)
        options.enablesConnectProtocol = ingress.takesWebSockets
        session = HTTP2Session(role: .front, options: options, buffers: ingress.buffers)
        session.delegate = self
    }

    // MARK: Lifecycle

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if info.isTLS { context.tlsHandler?.deliver(to: self) }
        ingress.opened(self)
        http2HasOutput()
        armIdleTimer()
    }

    func channelInactive(context: ChannelHandlerContext) { lost() }
    func handlerRemoved(context: ChannelHandlerContext) { lost() }

    private func lost() {
        guard context != nil else { return }
        worker.refreshClock()
        context = nil
        idleTimer?.cancel()
        ingress.closed(self)
        worker.keptForClients.ended(info)
        session.connectionLost(.cancel)
    }

    // MARK: Inbound

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { receive(unwrapInboundIn(data)) }

    func receive(_ bytes: ByteBuffer) {
        guard !isLingering else { return }
        worker.refreshClock()
        lastActivity = worker.now
        do throws(HTTP2SessionError) {
            try session.receive(bytes)
        } catch {
            isClosing = true
        }
        if isClosing || session.violation != nil { noteViolation() }
        // What the session answers by itself; whoever has it send something says so.
        if !isDirty, isClosing || session.wantsWrite || session.isOver { http2HasOutput() }
    }

    private func noteViolation() {
        guard !isViolationNoted else { return }
        isViolationNoted = true
        let reason = session.violation.map { "\($0.code): \($0)" } ?? "no HTTP/2"
        worker.logger.debug(
            "HTTP/2 connection broken by its client",
            metadata: ["client.address": "\(info.client)", "reason": "\(reason)"])
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard context.channel.isWritable else { return }
        worker.refreshClock()
        lastActivity = worker.now
        http2HasOutput()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // A client that says nothing more can be answered no more: HTTP/2 needs both directions for its windows.
        guard case ChannelEvent.inputClosed = event, !isLingering || hasSentEnd else { return }
        context.close(promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func streamClosed() {
        requests -= 1
        lastActivity = worker.now
        if isDraining { http2HasOutput() }
    }

    // MARK: Ends

    /// How long a client may take for what was written.
    var patience: TimeAmount { TimeAmount(ingress.listener.limits.idleTimeout ?? .seconds(300)) }

    /// Ends our side behind what was written. What the client still says is read and dropped: a close with unread bytes
    /// is a reset, which destroys what the client has not read yet (RFC 9293 §3.10.4).
    private func linger(_ context: ChannelHandlerContext) {
        guard !isLingering else { return }
        isLingering = true
        arm(patience)
        session.connectionLost(.cancel)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).assumeIsolated().whenComplete { [self] _ in
            guard let context = self.context else { return }
            hasSentEnd = true
            arm(Self.lingerTime)
            context.close(mode: .output, promise: nil)
        }
    }

    private func arm(_ time: TimeAmount) {
        idleTimer?.cancel()
        idleTimer = worker.timers.schedule(at: worker.now + time, self)
    }

    // MARK: Idle

    private func armIdleTimer() {
        guard let idle = ingress.listener.limits.idleTimeout else { return }
        idleTimer = worker.timers.schedule(at: worker.now + TimeAmount(idle), self)
    }
}

extension HTTP2Connection: HTTP2SessionDelegate {
    func http2Stream(of session: HTTP2Session) -> HTTP2Stream { HTTP2FrontStream(of: session, connection: self) }

    func http2Request(_ stream: HTTP2Stream, _ fields: consuming FieldBlock, isTooLarge: Bool, endStream: Bool) {
        requests += 1
        let head = RequestHead(version: .http2, fields: fields, connection: info)
        let front = unsafeDowncast(stream, to: HTTP2FrontStream.self)
        front.method = head.method
        guard !isTooLarge else {
            let limit = ingress.listener.limits.maxHeaderBytes
            return LocalAnswer.send(
                front, status: 431, text: "Header fields of more than \(limit) bytes (limits.maxHeaderBytes).")
        }
        ingress.dispatch(head, front)
        if endStream { front.http2Ended() }
    }

    func http2Settings() {}
    func http2Goaway(lastStreamID: Int32, errorCode: HTTP2ErrorCode) {}

    /// The answer to the PING that followed the first GOAWAY: now the client knows, and the second one can name the
    /// last stream (RFC 9113 §6.8).
    func http2PingAcknowledged() {
        if isDraining { session.goaway(.noError) }
    }

    func http2HasOutput() {
        guard !isDirty else { return }
        isDirty = true
        worker.flushAtTickEnd(self)
    }
}

extension HTTP2Connection: TickFlushable {
    func flushAtTickEnd() {
        isDirty = false
        guard let context, !isLingering else { return }
        output.flush(session, context)
        if isClosing || session.isOver { linger(context) }
    }
}

extension HTTP2Connection: WheelTimerTarget {
    func timerFired(_ timer: WheelTimer) {
        guard !isLingering else { return context?.close(promise: nil) ?? () }
        guard let idle = ingress.listener.limits.idleTimeout else { return }
        // A call in flight has timers of its own. What they say must leave, though: a client that takes nothing for
        // so long would keep its streams, and all that waits on them, for ever.
        let isStuck = context?.channel.isWritable == false
        guard requests == 0 || isStuck, worker.now - lastActivity >= TimeAmount(idle) else { return armIdleTimer() }
        ingress.noteTimeout(.connectionIdle, info)
        closeNow()
    }
}

extension HTTP2Connection: DrainableConnection {
    func drain() {
        guard !isDraining else { return }
        isDraining = true
        session.announceShutdown()
        session.ping()
        session.forEachStream { ($0 as? HTTP2FrontStream)?.handler?.drain() }
    }

    func closeNow() {
        session.terminate(.noError)
        flushAtTickEnd()
        context?.close(promise: nil)
    }
}
