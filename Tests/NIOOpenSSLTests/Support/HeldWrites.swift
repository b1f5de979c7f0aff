// rtbridge: a transport whose peer does not read.
// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// Stands between TLS and the channel and keeps writes until told to let them go; a close does away with them, as a
/// socket's does.
final class HeldWrites: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private(set) var held: [(bytes: ByteBuffer, promise: EventLoopPromise<Void>?)] = []
    private(set) var closes = 0

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        held.append((unwrapOutboundIn(data), promise))
    }

    func flush(context: ChannelHandlerContext) {}

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        closes += 1
        let lost = held
        held = []
        lost.forEach { $0.promise?.fail(ChannelError.ioOnClosedChannel) }
        context.close(mode: mode, promise: promise)
    }

    /// Lets all that is held go out.
    func release(_ context: ChannelHandlerContext) {
        let free = held
        held = []
        for write in free { context.write(wrapOutboundOut(write.bytes), promise: write.promise) }
        context.flush()
    }
}
