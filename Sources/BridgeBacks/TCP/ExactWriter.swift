// rtbridge: writing to a TCP connection, and knowing to the byte what was written.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import Glibc
import NIOCore

/// What a session's connection is given, until the kernel has taken it.
///
/// A channel's own queue tells when a whole piece was written, and when one failed not how much of it had been. So bytes
/// go to the socket directly (``SystemSocket``), and what send(2) says it took is written; a byte is never in doubt.
/// When the socket takes no more, the channel is given a single byte of what waits: it is written or it is not, and its
/// promise tells when there is room again. The channel's queue never holds anything else.
///
/// Over TLS it is a record's worth at a time: a record that did not go out to its end is of no use to the other side
/// (RFC 8446 §5.2: it cannot be deprotected), so what its promise says is true of each byte in it.
final class ExactWriter {
    /// The marks of NIO's own queue (`ChannelOptions.Types.WriteBufferWaterMark`).
    private static let highWaterMark = 64 * 1024
    private static let lowWaterMark = 32 * 1024
    /// Pieces up to this are sent together, with one call.
    private static let maximumCopiedPiece = 16 * 1024
    /// RFC 8446 §5.1: "The length MUST NOT exceed 2^14 bytes."
    private static let recordBytes = 1 << 14

    private let channel: any Channel
    private let worker: Worker
    private let isClear: Bool
    private var pieces = CircularBuffer<(bytes: ByteBuffer, flags: BodyFlags)>()
    private var byteCount = 0
    /// The last byte written was inside a message of the client.
    private var isCut: Bool
    private var isProbing = false
    private var isFlushing = false
    private var isOver = false
    private(set) var isWritable = true
    /// Called when the channel's byte was written and what could follow it went too.
    private let onProgress: () -> Void

    /// - Parameter isClear: whether no TLS stands before the socket.
    /// - Parameter isMidMessage: what comes first goes on a message that another connection has the beginning of.
    init(
        _ channel: any Channel, worker: Worker, isClear: Bool, isMidMessage: Bool, onProgress: @escaping () -> Void
    ) {
        self.channel = channel
        self.worker = worker
        self.isClear = isClear
        self.onProgress = onProgress
        isCut = isMidMessage
    }

    var isEmpty: Bool { pieces.isEmpty }

    func append(_ bytes: ByteBuffer, _ flags: BodyFlags) {
        guard !isOver else { return }
        pieces.append((bytes, flags))
        byteCount += bytes.readableBytes
        if byteCount > Self.highWaterMark { isWritable = false }
    }

    /// Writes as much as the socket takes.
    func flush() {
        guard !isProbing, !isOver, !isFlushing else { return }
        isFlushing = true
        defer { isFlushing = false }
        while !isProbing, !isOver, let bytes = nextBytes() {
            guard isClear else {
                let count = min(bytes.readableBytes, Self.recordBytes)
                write(bytes.getSlice(at: bytes.readerIndex, length: count) ?? ByteBuffer())
                continue
            }
            switch SystemSocket.send(bytes, on: channel) {
            case .sent(let count):
                wrote(count)
                if count < bytes.readableBytes { probe() }
            case .failed(EAGAIN): probe()
            case .failed:
                // What the peer said before it broke is read before the channel closes.
                channel.read()
                probe()
            }
        }
        // An empty piece may stand behind the last byte.
        if !isOver { wrote(0) }
    }

    /// Nothing is written after this.
    func takeUnwritten() -> Unwritten {
        isOver = true
        var unwritten = Unwritten()
        unwritten.isCut = isCut
        unwritten.pieces = pieces.filter { !$0.flags.contains(.ofBridge) }
        pieces.removeAll()
        byteCount = 0
        return unwritten
    }

    // MARK: Inside

    /// The first piece that has bytes; small ones with those behind them.
    private func nextBytes() -> ByteBuffer? {
        guard let index = pieces.firstIndex(where: { $0.bytes.readableBytes > 0 }) else { return nil }
        let first = pieces[index].bytes
        guard pieces.count > 1, first.readableBytes < Self.maximumCopiedPiece else { return first }
        worker.scratch.clear()
        for piece in pieces {
            guard worker.scratch.readableBytes + piece.bytes.readableBytes <= Self.highWaterMark else { break }
            worker.scratch.writeImmutableBuffer(piece.bytes)
        }
        return worker.scratch
    }

    private func wrote(_ count: Int) {
        var rest = count
        byteCount -= count
        while let first = pieces.first, first.bytes.readableBytes <= rest {
            rest -= first.bytes.readableBytes
            pieces.removeFirst()
            if !first.flags.contains(.ofBridge) { isCut = !first.flags.contains(.endsMessage) }
        }
        if rest > 0, let first = pieces.first {
            pieces[pieces.startIndex].bytes.moveReaderIndex(forwardBy: rest)
            if !first.flags.contains(.ofBridge) { isCut = true }
        }
        if byteCount < Self.lowWaterMark { isWritable = true }
    }

    /// The socket is full, or broken: the channel finds out which.
    private func probe() {
        guard let index = pieces.firstIndex(where: { $0.bytes.readableBytes > 0 }) else { return }
        write(pieces[index].bytes.getSlice(at: pieces[index].bytes.readerIndex, length: 1) ?? ByteBuffer())
    }

    /// Has the channel write bytes, which go out as a whole or not at all.
    private func write(_ bytes: ByteBuffer) {
        isProbing = true
        channel.writeAndFlush(bytes).assumeIsolated().whenSuccess { [weak self] in
            guard let self, !isOver else { return }
            isProbing = false
            wrote(bytes.readableBytes)
            // Written at once: the loop that asked goes on.
            guard !isFlushing else { return }
            flush()
            onProgress()
        }
    }
}
