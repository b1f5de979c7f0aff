// rtbridge: a client's TCP connection on a listener without HTTP.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgeSockets
import BridgeTelemetry
import BridgeWire
import NIOCore
import NIOOpenSSL

/// A byte stream both ways, each direction with an end of its own.
///
/// ```
/// open ──back-end's end: its last bytes, FIN──▶ finished ──client's end─────────────┐
///   ├──failed, or an end that is both sides'──▶ leaving ◀────────────────────────────┘
///   │                                              └──last bytes, FIN, client's end or linger time──▶ over
///   └──lost─────────────────────────────────────────────────────────────────────────────────────────▶
/// ```
/// Nothing is read while what was read before is not taken, so that a back-end that does not read stops the client.
/// While leaving, what the client still says is read and dropped: a close with unread bytes is a reset, which destroys
/// what the client has not read yet (RFC 9293 §3.10.4).
final class TCPFrontConnection: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase { case open, finished, leaving, over }

    /// How long the client may take for its own end, after ours.
    private static let lingerTime = TimeAmount.seconds(2)

    private let ingress: Ingress
    private let info: ConnectionInfo
    private let route: WorkerRoute
    /// What the client asked for by SNI; for the access record.
    private let serverName: String?
    private let startedAt: NIODeadline
    private var exchange: Exchange!
    private var context: ChannelHandlerContext?
    private var writer: SocketWriter?
    private var phase = Phase.open
    private var hasClientEnded = false
    /// FIN is out, and all before it.
    private var hasSentEnd = false
    private var leaveTimer: WheelTimer?
    private var isUntaken = false
    private var isReadWanted = false
    private var isDirty = false
    private var failure: Failure?

    init(_ ingress: Ingress, _ info: ConnectionInfo, _ route: WorkerRoute, serverName: String?) {
        self.ingress = ingress
        self.info = info
        self.route = route
        self.serverName = serverName
        startedAt = ingress.worker.now
    }

    private var worker: Worker { ingress.worker }

    // MARK: Lifecycle

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        writer = SocketWriter(context.channel, isClear: !info.isTLS)
        ingress.opened(self)
        exchange = Exchange(
            front: self, request: FieldBlock(), client: info.client, connection: info, route: route, worker: worker)
        exchange.open(deadline: nil, idle: route.idle)
    }

    func channelInactive(context: ChannelHandlerContext) { lost() }
    func handlerRemoved(context: ChannelHandlerContext) { lost() }

    private func lost() {
        guard context != nil else { return }
        worker.refreshClock()
        context = nil
        end()
    }

    /// The session is over, whoever ended it.
    private func end() {
        guard phase != .over else { return }
        phase = .over
        leaveTimer?.cancel()
        ingress.closed(self)
        exchange.frontClosed(failure)
        worker.note(
            AccessRecord(
                route: route.name, front: "tcp", client: info.client, path: serverName ?? "-",
                status: failure == nil ? "ok" : "failed", failure: failure?.kind.rawValue ?? "",
                timeout: failure?.timeout?.rawValue ?? "", back: exchange.backAddress ?? failure?.address ?? "",
                bytesIn: exchange.bytesIn, bytesOut: exchange.bytesOut, dropped: exchange.dropped,
                reconnects: exchange.reconnects,
                duration: .nanoseconds((worker.eventLoop.now - startedAt).nanoseconds)))
    }

    // MARK: Inbound

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard phase == .open || phase == .finished else { return }
        worker.refreshClock()
        isUntaken = true
        exchange.frontBody(unwrapInboundIn(data))
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed = event, !hasClientEnded else { return }
        worker.refreshClock()
        hasClientEnded = true
        switch phase {
        case .open where failure == nil && route.config.tcp.halfClose: exchange.frontEnded()
        case .open, .finished:
            exchange.frontClosed(failure)
            leave()
        case .leaving: if hasSentEnd { context.close(promise: nil) }
        case .over: break
        }
    }

    /// A client that ended TLS without a close_notify has ended its side nonetheless; that follows.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if phase == .open || phase == .finished {
            failure = failure ?? Failure(.aborted, .front, .body, String(describing: error))
        }
        if (error as? TLSError)?.kind != .truncated { context.close(promise: nil) }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        worker.refreshClock()
        if context.channel.isWritable { exchange.frontWritable() }
    }

    // MARK: Reading

    func read(context: ChannelHandlerContext) {
        if isUntaken, writer?.hasFailed != true { isReadWanted = true } else { context.read() }
    }

    private func readOn() {
        isUntaken = false
        guard isReadWanted else { return }
        isReadWanted = false
        context?.read()
    }

    // MARK: Outbound

    private func markDirty() {
        guard !isDirty else { return }
        isDirty = true
        worker.flushAtTickEnd(self)
    }

    /// Ends our side behind what was written.
    private func sendEnd() {
        guard let context else { return }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).assumeIsolated().whenComplete { [self] _ in
            guard let context = self.context else { return }
            hasSentEnd = true
            guard phase == .leaving else { return context.close(mode: .output, promise: nil) }
            linger(context)
        }
    }

    /// Nothing more is to be said to the client but what was written, nor to be heard of it. A client that takes it
    /// slowly has as long for it as a silent session, see ``RouteTimeouts/idle``.
    private func leave() {
        guard phase == .open || phase == .finished, let context else { return }
        let isEnding = phase == .finished
        phase = .leaving
        arm(TimeAmount(route.config.timeouts.idle ?? RouteTimeouts().idle ?? .seconds(300)))
        readOn()
        if hasSentEnd { linger(context) } else if !isEnding { sendEnd() }
    }

    private func linger(_ context: ChannelHandlerContext) {
        guard !hasClientEnded else { return context.close(promise: nil) }
        arm(Self.lingerTime)
        context.close(mode: .output, promise: nil)
    }

    private func arm(_ time: TimeAmount) {
        leaveTimer?.cancel()
        leaveTimer = worker.timers.schedule(at: worker.eventLoop.now + time, self)
    }
}

extension TCPFrontConnection: WheelTimerTarget {
    func timerFired(_ timer: WheelTimer) { context?.close(promise: nil) }
}

extension TCPFrontConnection: FrontLeg {
    var isWritable: Bool { context?.channel.isWritable ?? false }

    func backOpened(_ head: FieldBlock?) {}

    func deliver(_ bytes: ByteBuffer, _ flags: BodyFlags) {
        guard let context, phase == .open else { return }
        if let writer { writer.send(bytes) } else { context.write(wrapOutboundOut(bytes), promise: nil) }
        markDirty()
    }

    func finish(_ trailers: FieldBlock?) {
        guard phase == .open else { return }
        // The exchange goes on only for a client that may still speak.
        guard !exchange.isOver else { return leave() }
        phase = .finished
        sendEnd()
    }

    func fail(_ failure: Failure) {
        guard phase == .open || phase == .finished else { return }
        self.failure = failure
        worker.logger.info(
            "session failed",
            metadata: [
                "route.name": "\(route.name)", "client.address": "\(info.client)",
                "reason": "\(failure.message(route: route.name, isBrief: false))",
            ])
        leave()
    }

    func taken() { readOn() }

    /// A byte stream has no words for it: the session goes on until its end, or the end of the drain.
    func drain() { exchange.stopWaiting() }
}

extension TCPFrontConnection: TickFlushable {
    func flushAtTickEnd() {
        isDirty = false
        guard let context else { return }
        if let writer { writer.flush() } else { context.flush() }
        if context.channel.isWritable { exchange.frontWritable() }
    }
}

extension TCPFrontConnection: DrainableConnection {
    func closeNow() { context?.close(promise: nil) }
}

@available(*, unavailable)
extension TCPFrontConnection: Sendable {}
