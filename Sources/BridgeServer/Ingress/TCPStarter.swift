// rtbridge: from a connection on a listener without HTTP to its route.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import NIOCore
import NIOOpenSSL

/// In clear text the first route of the listener takes the connection; over TLS the first one whose `match.serverNames`
/// has the name that the client asked for by SNI (RFC 6066 §3), or that asks for none.
final class TCPStarter: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let ingress: Ingress
    private let info: ConnectionInfo
    private var timer: WheelTimer?
    private var context: ChannelHandlerContext?

    init(ingress: Ingress, info: ConnectionInfo) {
        self.ingress = ingress
        self.info = info
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        ingress.opened(self)
        guard info.isTLS else { return start(context, serverName: nil) }
        let time = ingress.listener.limits.headerTimeout
        timer = time.map { ingress.worker.timers.schedule(at: ingress.worker.eventLoop.now + TimeAmount($0), self) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        ingress.closed(self)
        self.context = nil
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case let event as TLSHandshakeCompleted: start(context, serverName: event.serverName)
        case ChannelEvent.inputClosed: context.close(promise: nil)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        ingress.worker.logger.debug(
            "connection failed before its first byte",
            metadata: [
                "listener.name": "\(ingress.listener.name)", "client.address": "\(info.client)", "reason": "\(error)",
            ])
        context.close(promise: nil)
    }

    private func start(_ context: ChannelHandlerContext, serverName: String?) {
        ingress.worker.refreshClock()
        guard let route = ingress.tcpRoute(serverName: serverName) else {
            ingress.worker.logger.info(
                "connection refused: no route takes it",
                metadata: [
                    "listener.name": "\(ingress.listener.name)", "client.address": "\(info.client)",
                    "tls.serverName": "\(serverName ?? "")",
                ])
            return context.close(promise: nil)
        }
        let connection = TCPFrontConnection(ingress, info, route, serverName: serverName)
        let pipeline = context.pipeline.syncOperations
        do {
            try pipeline.addHandler(connection, position: .after(self))
        } catch {
            return context.close(promise: nil)
        }
        pipeline.removeHandler(self, promise: nil)
    }
}

extension TCPStarter: WheelTimerTarget {
    func timerFired(_ timer: WheelTimer) { closeNow() }
}

extension TCPStarter: DrainableConnection {
    func drain() { closeNow() }
    func closeNow() { context?.close(promise: nil) }
}

@available(*, unavailable)
extension TCPStarter: Sendable {}
