// rtbridge: the PROXY header at the beginning of a client's connection.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgeWire
import NIOCore

/// Takes the header off, before TLS, and lets the connection begin with what it says.
///
/// A peer that is trusted must send one: proxy-protocol.txt §5: "The receiver MUST be configured to only receive the
/// protocol described in this specification and MUST not try to guess whether the protocol header is present or not."
/// Any other peer that sends one is refused.
final class ProxyReceiver: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// Where the listener's own `limits.headerTimeout` is off.
    private static let headerTime = Duration.seconds(10)

    private let ingress: Ingress
    private let peer: String
    private let isTrusted: Bool
    /// Puts the connection's handlers behind this one; the header's addresses, or nil for the connection's own.
    private var begin: ((ProxyHeader.Addresses?) throws -> Void)?
    private var received = ByteBuffer()
    private var timer: WheelTimer?
    private var context: ChannelHandlerContext?

    init(
        _ ingress: Ingress, peer: String, isTrusted: Bool, begin: @escaping (ProxyHeader.Addresses?) throws -> Void
    ) {
        self.ingress = ingress
        self.peer = peer
        self.isTrusted = isTrusted
        self.begin = begin
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        ingress.opened(self)
        let time = ingress.listener.limits.headerTimeout ?? Self.headerTime
        timer = ingress.worker.timers.schedule(at: ingress.worker.eventLoop.now + TimeAmount(time), self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        ingress.closed(self)
        self.context = nil
        begin = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        ingress.worker.refreshClock()
        var bytes = unwrapInboundIn(data)
        received.writeBuffer(&bytes)
        isTrusted ? readHeader(context) : lookForHeader(context)
    }

    private func readHeader(_ context: ChannelHandlerContext) {
        do throws(ProxyProtocolViolation) {
            guard let header = try ProxyHeader.read(&received) else { return }
            start(context, header.addresses)
        } catch {
            refuse(context, error.rawValue)
        }
    }

    private func lookForHeader(_ context: ChannelHandlerContext) {
        switch ProxyHeader.beginning(of: received) {
        case .undecided: break
        case .header: refuse(context, "a PROXY header from a peer that is not among proxyProtocol.trustedProxies")
        case .other: start(context, nil)
        }
    }

    private func start(_ context: ChannelHandlerContext, _ addresses: ProxyHeader.Addresses?) {
        guard let begin else { return }
        self.begin = nil
        do {
            try begin(addresses)
        } catch {
            return context.close(promise: nil)
        }
        let rest = received
        received = ByteBuffer()
        if rest.readableBytes > 0 {
            context.fireChannelRead(wrapInboundOut(rest))
            context.fireChannelReadComplete()
        }
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    private func refuse(_ context: ChannelHandlerContext, _ reason: String) {
        guard begin != nil else { return }
        begin = nil
        ingress.worker.logger.warning(
            "connection refused (proxyProtocol)",
            metadata: [
                "listener.name": "\(ingress.listener.name)", "client.address": "\(peer)", "reason": "\(reason)",
            ])
        context.close(promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if begin != nil, case ChannelEvent.inputClosed = event { return context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if begin == nil { context.fireErrorCaught(error) } else { context.close(promise: nil) }
    }
}

extension ProxyReceiver: WheelTimerTarget {
    func timerFired(_ timer: WheelTimer) {
        guard let context else { return }
        if isTrusted {
            refuse(context, "no whole PROXY header within limits.headerTimeout")
        } else {
            context.close(promise: nil)
        }
    }
}

extension ProxyReceiver: DrainableConnection {
    func drain() { closeNow() }
    func closeNow() { context?.close(promise: nil) }
}

@available(*, unavailable)
extension ProxyReceiver: Sendable {}
