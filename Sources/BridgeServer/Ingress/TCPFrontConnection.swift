// rtbridge: a client's TCP connection on a listener without HTTP.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeSockets
import BridgeTelemetry
import BridgeWire
import NIOCore

/// A byte stream both ways, each direction with an end of its own.
///
/// ```
/// open ──back-end's end: its last bytes, FIN──▶ finished ──client's end──▶ over
///   └──lost, failed──────────────────────────────────────────────────────▶ over
/// ```
/// Nothing is read while what was read before is not taken, so that a back-end that does not read stops the client.
final class TCPFrontConnection: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase { case open, finished, over }

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
        worker.refreshClock()
        isUntaken = true
        exchange.frontBody(unwrapInboundIn(data))
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed = event, !hasClientEnded else { return }
        worker.refreshClock()
        hasClientEnded = true
        guard phase == .open, route.config.tcp.halfClose else { return context.close(promise: nil) }
        exchange.frontEnded()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        failure = failure ?? Failure(.aborted, .front, .body, String(describing: error))
        context.close(promise: nil)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        worker.refreshClock()
        if context.channel.isWritable { exchange.frontWritable() }
    }

    // MARK: Reading

    func read(context: ChannelHandlerContext) {
        if isUntaken { isReadWanted = true } else { context.read() }
    }

    // MARK: Outbound

    private func markDirty() {
        guard !isDirty else { return }
        isDirty = true
        worker.flushAtTickEnd(self)
    }

    /// The back-end has ended its side: so does the bridge, behind what was written.
    private func sendEnd() {
        guard let context, phase == .open else { return }
        phase = .finished
        let hasClientEnded = hasClientEnded
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).assumeIsolated().whenComplete { [self] _ in
            guard let context = self.context else { return }
            if hasClientEnded || !route.config.tcp.halfClose {
                context.close(promise: nil)
            } else {
                context.close(mode: .output, promise: nil)
            }
        }
    }
}

extension TCPFrontConnection: FrontLeg {
    var isWritable: Bool { context?.channel.isWritable ?? false }

    func backOpened(_ head: FieldBlock?) {}

    func deliver(_ bytes: ByteBuffer, _ flags: BodyFlags) {
        guard let context, phase == .open else { return }
        if let writer { writer.send(bytes) } else { context.write(wrapOutboundOut(bytes), promise: nil) }
        markDirty()
    }

    func finish(_ trailers: FieldBlock?) { sendEnd() }

    func fail(_ failure: Failure) {
        guard phase != .over else { return }
        self.failure = failure
        worker.logger.info(
            "session failed",
            metadata: [
                "route.name": "\(route.name)", "client.address": "\(info.client)",
                "reason": "\(failure.message(route: route.name, isBrief: false))",
            ])
        context?.close(promise: nil)
    }

    func taken() {
        isUntaken = false
        guard isReadWanted else { return }
        isReadWanted = false
        context?.read()
    }

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
