// rtbridge: a session's output on its way into a channel.
// SPDX-License-Identifier: Apache-2.0

import BridgeSockets
import NIOCore

/// Moves what a session has to send into its channel, in pieces of up to 64 KiB, while the channel takes them.
public struct HTTP2Output {
    private static let pieceBytes = 64 * 1024

    private let findSink: (ChannelHandlerContext) -> (any ByteSink)?
    private var sink: (any ByteSink)?
    private var channel: (any Channel)?

    /// - Parameter findSink: who takes the bytes of a handler; nil: its channel. Asked once, at the first flush.
    public init(_ findSink: @escaping (ChannelHandlerContext) -> (any ByteSink)?) { self.findSink = findSink }

    /// Of a channel whose bytes stand on the wire as they are, without TLS.
    public init() { self.init { SocketWriter($0.channel) } }

    /// Sends what is ready. To be called at the end of a tick alone, never from a handler's event: writing can bring
    /// such events about (a write that fails makes the channel read what is left), and this must not be re-entered.
    /// What the channel does not take now waits in the session, for the next call.
    public mutating func flush(_ session: HTTP2Session, _ context: ChannelHandlerContext) {
        if channel == nil {
            channel = context.channel
            sink = findSink(context)
        }
        var hasMore = true
        while hasMore, channel?.isWritable == true {
            var piece = session.buffers.takeOutput()
            defer { session.buffers.giveBackOutput(piece) }
            hasMore = session.produce(into: &piece, limit: Self.pieceBytes)
            guard piece.readableBytes > 0 else { return }
            if let sink {
                sink.send(piece)
                sink.flush()
            } else {
                context.writeAndFlush(NIOAny(piece), promise: nil)
            }
        }
    }
}
