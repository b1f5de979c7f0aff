// rtbridge: a session's output on its way into a channel.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Moves what a session has to send into its channel, in pieces of up to 64 KiB, while the channel takes them.
public struct HTTP2Output {
    private static let pieceBytes = 64 * 1024
    private var buffer = ByteBuffer()

    public init() {}

    /// Sends what is ready. To be called at the end of a tick alone, never from a handler's event: writing can bring
    /// such events about (a write that fails makes the channel read what is left), and this must not be re-entered.
    /// What the channel does not take now waits in the session, for the next call.
    /// - Throws: ``HTTP2SessionError`` if the session can send no more.
    public mutating func flush(_ session: HTTP2Session, _ context: ChannelHandlerContext) throws(HTTP2SessionError) {
        var hasMore = true
        while hasMore, context.channel.isWritable {
            // Starts anew where the channel still holds the last piece, and otherwise uses its memory again.
            buffer.clear()
            hasMore = try session.produce(into: &buffer, limit: Self.pieceBytes)
            guard buffer.readableBytes > 0 else { return }
            context.writeAndFlush(NIOAny(buffer), promise: nil)
        }
    }
}
