// rtbridge: the place in a back-end's pipeline where a request's bytes go in.
// SPDX-License-Identifier: Apache-2.0

import BridgeSockets
import NIOCore
import NIOHTTP1

/// Stands before NIOHTTP1's decoder. The decoder has to see the head of each request, to know that the answer to a HEAD
/// has no body; those heads end here, and the bytes begin here.
final class HTTPBackWire: ChannelOutboundHandler {
    typealias OutboundIn = HTTPClientRequestPart
    typealias OutboundOut = ByteBuffer

    /// Pieces up to this are gathered for one system call.
    private static let maximumCopied = 16 * 1024
    private static let maximumGathered = 64 * 1024

    private var context: ChannelHandlerContext?
    private var socket: SocketWriter?
    private var outbound = ByteBuffer()

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) { promise?.succeed() }

    /// The channel is connected. `isClear`: no TLS stands between.
    func opened(_ channel: any Channel, isClear: Bool) {
        socket = SocketWriter(channel, isClear: isClear, from: context)
    }

    var isWritable: Bool { outbound.readableBytes < Self.maximumGathered && context?.channel.isWritable ?? false }

    /// Adds to what goes out with the next ``flush()``.
    func gather(_ write: (inout ByteBuffer) -> Void) { write(&outbound) }

    /// Adds a piece; a large one goes out at once, without a copy, behind what was gathered.
    func gather(_ bytes: ByteBuffer) {
        guard bytes.readableBytes > Self.maximumCopied else {
            outbound.writeImmutableBuffer(bytes)
            return
        }
        send(bytes)
    }

    func flush() {
        send(ByteBuffer())
        if let socket { socket.flush() } else { context?.flush() }
    }

    private func send(_ bytes: ByteBuffer) {
        guard let context else { return }
        if let socket {
            socket.send(outbound, bytes, ByteBuffer())
        } else {
            for piece in [outbound, bytes] where piece.readableBytes > 0 {
                context.write(wrapOutboundOut(piece), promise: nil)
            }
        }
        outbound = ByteBuffer()
    }
}

@available(*, unavailable)
extension HTTPBackWire: Sendable {}
