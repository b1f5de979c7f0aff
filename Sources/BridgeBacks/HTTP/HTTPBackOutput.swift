// rtbridge: what goes out on a connection to an HTTP/1.1 back-end.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeSockets
import NIOCore

/// Gathers what a tick has for the back-end, for one system call. Its memory is the worker's between ticks.
final class HTTPBackOutput {
    /// Larger pieces are not copied.
    private static let maximumCopied = 4 * 1024
    private static let maximumGathered = 64 * 1024

    private let worker: Worker
    private var context: ChannelHandlerContext?
    /// As the channel says it; asking it costs more.
    private var isChannelWritable = true
    /// Where no TLS stands before the socket.
    private var socket: SocketWriter?
    /// The socket, as long as the handler is there.
    private(set) var descriptor: CInt?
    private var outbound = ByteBuffer()
    /// A piece behind ``outbound`` that is not copied, and what stands behind that.
    private var large = ByteBuffer()
    private var behind = ByteBuffer()

    init(_ worker: Worker) { self.worker = worker }

    func added(_ context: ChannelHandlerContext) { self.context = context }

    func removed() {
        context = nil
        descriptor = nil
        isChannelWritable = false
        socket = nil
        clear()
    }

    /// The channel is connected. `isClear`: no TLS stands between.
    func opened(_ channel: any Channel, isClear: Bool) {
        socket = SocketWriter(channel, isClear: isClear)
        descriptor = SystemSocket.descriptor(of: channel)
    }

    var isWritable: Bool {
        outbound.readableBytes + large.readableBytes + behind.readableBytes < Self.maximumGathered
            && isChannelWritable
    }

    func writabilityChanged(_ context: ChannelHandlerContext) { isChannelWritable = context.channel.isWritable }

    /// Adds to what goes out with the next ``flush()``.
    func gather(_ write: (inout ByteBuffer) -> Void) {
        guard context != nil else { return }
        if large.readableBytes > 0 {
            if behind.capacity == 0 { behind = worker.takeOutput() }
            write(&behind)
        } else {
            if outbound.capacity == 0 { outbound = worker.takeOutput() }
            write(&outbound)
        }
    }

    /// Adds a piece. One that is large is sent as it is; a second one sends what stands before it.
    func gather(_ bytes: ByteBuffer) {
        guard context != nil else { return }
        guard bytes.readableBytes > Self.maximumCopied else { return gather { $0.writeImmutableBuffer(bytes) } }
        if large.readableBytes > 0 { send() }
        large = bytes
    }

    func flush() {
        send()
        if let socket { socket.flush() } else { context?.flush() }
    }

    private func send() {
        guard let context else { return }
        if let socket {
            if large.readableBytes > 0 { socket.send(outbound, large, behind) } else { socket.send(outbound) }
        } else {
            for piece in [outbound, large, behind] where piece.readableBytes > 0 {
                context.write(NIOAny(piece), promise: nil)
            }
        }
        clear()
    }

    private func clear() {
        large = ByteBuffer()
        giveBack(&outbound)
        giveBack(&behind)
    }

    /// The worker must get the only reference to the memory: of a shared one it would make another.
    private func giveBack(_ buffer: inout ByteBuffer) {
        guard buffer.capacity > 0 else { return }
        var given = ByteBuffer()
        swap(&given, &buffer)
        worker.giveBackOutput(given)
    }
}

@available(*, unavailable)
extension HTTPBackOutput: Sendable {}
