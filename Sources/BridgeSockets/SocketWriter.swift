// rtbridge: bytes straight into a socket, past the channel's queue of writes.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

#if canImport(Glibc)
    import Glibc
#endif

/// Sends what a connection has to send with one system call, where nothing stands between the handler and the socket.
///
/// A channel's own write costs a promise, a queue and a walk through the pipeline, which is as much as a small message
/// costs all in all. What the socket does not take at once goes to the channel after all, which waits until there is
/// room, and so does everything behind it until the channel has let go: the order stands, and the channel's
/// writability means what it always means. Belongs to the channel's event loop.
public final class SocketWriter {
    private let channel: any Channel
    /// Where the rest goes that the socket does not take: past the handlers behind this one, which have seen it.
    private let context: ChannelHandlerContext?
    private let descriptor: CInt
    /// Writes that the channel has and has not done.
    private var inChannel = 0
    private var needsFlush = false
    /// The socket takes no more, ever: what the peer said before it broke is read all the same, whatever else would keep
    /// the handler from reading. The channel closes, with the next flush, behind that.
    public private(set) var hasFailed = false

    /// - Parameter isClear: whether the bytes are to stand on the wire as they are, no TLS or other handler between.
    /// - Parameter context: of the handler that bytes are written from, where handlers behind it do not take bytes.
    /// - Returns: nil where there is no socket to write to, or it is not for us.
    public init?(_ channel: any Channel, isClear: Bool = true, from context: ChannelHandlerContext? = nil) {
        guard isClear else { return nil }
        let handle = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: CInt.self) { $0 }
        guard let handle else { return nil }
        self.channel = channel
        self.context = context
        descriptor = handle
    }

    /// Sends `bytes`, or hands them to the channel for ``flush()``. Fires no event but that the channel is full.
    ///
    /// - Parameter promise: succeeds when the last byte is the system's, perhaps before this returns.
    public func send(_ bytes: ByteBuffer, promise: EventLoopPromise<Void>?) {
        let canSend = canSend
        let sent = canSend ? sendNow(bytes) : 0
        guard sent < bytes.readableBytes || !canSend else {
            promise?.succeed()
            return
        }
        guard bytes.readableBytes > 0 || promise != nil else { return }
        enqueue(bytes, after: sent, promise)
    }

    private func sendNow(_ bytes: ByteBuffer) -> Int {
        guard bytes.readableBytes > 0 else { return 0 }
        return noted(
            bytes.withUnsafeReadableBytes {
                Self.result(Glibc.send(descriptor, $0.baseAddress, $0.count, Self.flags))
            })
    }

    /// What a system call took, or its error below zero.
    private static func result(_ count: Int) -> Int { count < 0 ? -Int(errno) : count }

    private func noted(_ result: Int) -> Int {
        guard result < 0, !hasFailed, ![EAGAIN, EINTR, ENOBUFS].contains(CInt(-result)) else { return result }
        hasFailed = true
        if let context { context.read() } else { channel.read() }
        return result
    }

    /// Sends all three, one behind the other; any of them may be empty.
    public func send(_ first: ByteBuffer, _ second: ByteBuffer, _ third: ByteBuffer) {
        var rest = canSend ? max(0, noted(Self.sendAll(descriptor, first, second, third))) : 0
        enqueueRest(first, &rest)
        enqueueRest(second, &rest)
        enqueueRest(third, &rest)
    }

    /// Has the channel send what it was handed: to be called at the end of the tick alone, since a write that fails
    /// brings events about.
    public func flush() {
        guard needsFlush else { return }
        needsFlush = false
        if let context { context.flush() } else { channel.flush() }
    }

    /// - Parameter sent: how many bytes of this piece and of those behind it went.
    private func enqueueRest(_ piece: ByteBuffer, _ sent: inout Int) {
        let count = min(sent, piece.readableBytes)
        sent -= count
        if count < piece.readableBytes { enqueue(piece, after: count) }
    }

    /// A closed channel's descriptor may be another's by now.
    private var canSend: Bool { inChannel == 0 && channel.isActive }

    private static let flags = CInt(Int(MSG_NOSIGNAL) | Int(MSG_DONTWAIT))

    /// sendmsg(2): what went, or the error below zero.
    private static func sendAll(
        _ descriptor: CInt, _ first: ByteBuffer, _ second: ByteBuffer, _ third: ByteBuffer
    ) -> Int {
        first.withUnsafeReadableBytes { first in
            second.withUnsafeReadableBytes { second in
                third.withUnsafeReadableBytes { third in
                    withUnsafeTemporaryAllocation(of: iovec.self, capacity: 3) { vectors in
                        vectors.initializeElement(at: 0, to: iovec(first))
                        vectors.initializeElement(at: 1, to: iovec(second))
                        vectors.initializeElement(at: 2, to: iovec(third))
                        var message = msghdr()
                        message.msg_iov = vectors.baseAddress
                        message.msg_iovlen = 3
                        return result(sendmsg(descriptor, &message, flags))
                    }
                }
            }
        }
    }

    /// - Parameter sent: how many bytes went, negative for none; the channel meets the same error and tells of it.
    private func enqueue(_ bytes: ByteBuffer, after sent: Int, _ promise: EventLoopPromise<Void>? = nil) {
        var rest = bytes
        rest.moveReaderIndex(forwardBy: max(0, sent))
        inChannel += 1
        needsFlush = true
        let written = promise ?? channel.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { [self] _ in inChannel -= 1 }
        if let context { context.write(NIOAny(rest), promise: written) } else { channel.write(rest, promise: written) }
    }
}

extension iovec {
    fileprivate init(_ bytes: UnsafeRawBufferPointer) {
        self.init(iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count)
    }
}

extension SocketWriter: ByteSink {
    public func send(_ bytes: ByteBuffer) { send(bytes, promise: nil) }
}

@available(*, unavailable)
extension SocketWriter: Sendable {}
