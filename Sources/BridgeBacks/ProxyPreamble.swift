// rtbridge: the PROXY header on a new connection to a back-end.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgeSockets
import BridgeWire
import NIOCore

/// Stands first in the pipeline, before TLS, and leaves it once the header is on its way (proxy-protocol.txt §2: "the
/// header must be sent at once when the outgoing connection is established").
final class ProxyPreamble: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private var header: ByteBuffer?
    private var context: ChannelHandlerContext?

    /// - Parameter exchange: whose connection it is; nil for a connection of the bridge's own.
    init(_ version: Backend.ProxyProtocol, for exchange: Exchange?) {
        var addresses: ProxyHeader.Addresses?
        if let source = exchange?.connection?.source, let destination = exchange?.connection?.destination {
            addresses = ProxyHeader.Addresses(source: source, destination: destination)
        }
        let proxy = ProxyHeader(addresses)
        switch version {
        case .v1: header = proxy.bytes(.v1)
        case .v2: header = proxy.bytes(.v2, isLocal: exchange == nil)
        }
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) {
        send()
        context.fireChannelActive()
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    /// Sends the header, where that was not done yet: into the socket, since a channel that has just been connected keeps
    /// what is flushed until it hears that it may write, and TLS does not. A new socket has room for it.
    func send() {
        guard let header, let context else { return }
        self.header = nil
        guard let writer = SocketWriter(context.channel, from: context) else {
            return context.writeAndFlush(NIOAny(header), promise: nil)
        }
        writer.send(header)
        writer.flush()
    }
}

@available(*, unavailable)
extension ProxyPreamble: Sendable {}
