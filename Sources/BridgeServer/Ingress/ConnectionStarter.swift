// rtbridge: which version of HTTP a new connection speaks.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import NIOCore
import NIOOpenSSL

/// The first handler of a connection: waits for TLS to say its ALPN protocol, or for the first bytes of a clear
/// connection, and puts the right handlers in its own place.
///
/// RFC 9113 §3.4: an HTTP/2 connection begins with `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n`, which is no HTTP/1.1 request.
final class ConnectionStarter: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    private let ingress: Ingress
    private let info: ConnectionInfo
    private var first = ByteBuffer()
    private var timer: WheelTimer?
    private var context: ChannelHandlerContext?

    init(ingress: Ingress, info: ConnectionInfo) {
        self.ingress = ingress
        self.info = info
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        ingress.opened(self)
        if let time = ingress.listener.limits.headerTimeout {
            timer = ingress.worker.timers.schedule(at: ingress.worker.eventLoop.now + TimeAmount(time), self)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        ingress.closed(self)
        self.context = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        ingress.worker.refreshClock()
        var bytes = unwrapInboundIn(data)
        first.writeBuffer(&bytes)
        let view = first.readableBytesView
        let count = min(view.count, Self.preface.count)
        guard view.prefix(count).elementsEqual(Self.preface.prefix(count)) else { return start(context, .http1) }
        if count == Self.preface.count { start(context, .http2) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case let event as TLSHandshakeCompleted:
            switch event.alpn {
            case "h2": start(context, .http2)
            case "http/1.1": start(context, .http1)
            default: break  // without ALPN the first bytes tell
            }
        case ChannelEvent.inputClosed: context.close(promise: nil)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        ingress.worker.logger.debug(
            "connection failed before its first request",
            metadata: [
                "listener.name": "\(ingress.listener.name)", "client.address": "\(info.client)", "reason": "\(error)",
            ])
        context.close(promise: nil)
    }

    private func start(_ context: ChannelHandlerContext, _ version: Listener.HTTPVersion) {
        guard ingress.listener.protocols.contains(version) else { return refuse(context, version) }
        let pipeline = context.pipeline.syncOperations
        do {
            switch version {
            case .http1:
                try pipeline.addHandler(HTTP1Connection(ingress: ingress, info: info), position: .after(self))
            case .http2:
                try pipeline.addHandler(HTTP2Connection(ingress: ingress, info: info), position: .after(self))
            case .tcp, .udp: preconditionFailure("ConnectionStarter: \(version.rawValue) has no HTTP")
            }
        } catch {
            return context.close(promise: nil)
        }
        let bytes = first
        first = ByteBuffer()
        if bytes.readableBytes > 0 {
            context.fireChannelRead(wrapInboundOut(bytes))
            context.fireChannelReadComplete()
        }
        pipeline.removeHandler(self, promise: nil)
    }

    private func refuse(_ context: ChannelHandlerContext, _ version: Listener.HTTPVersion) {
        guard version == .http1 else { return context.close(promise: nil) }
        let text = "This listener speaks HTTP/2 alone.\n"
        let answer =
            "HTTP/1.1 505 HTTP Version Not Supported\r\ncontent-type: text/plain\r\n"
            + "content-length: \(text.utf8.count)\r\nconnection: close\r\n\r\n\(text)"
        context.writeAndFlush(NIOAny(ByteBuffer(string: answer)), promise: nil)
        context.close(promise: nil)
    }
}

extension ConnectionStarter: WheelTimerTarget {
    func timerFired(_ timer: WheelTimer) {
        ingress.noteTimeout(.header, info)
        closeNow()
    }
}

extension ConnectionStarter: DrainableConnection {
    func drain() { closeNow() }
    func closeNow() { context?.close(promise: nil) }
}
