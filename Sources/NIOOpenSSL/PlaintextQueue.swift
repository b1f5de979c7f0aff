// rtbridge: writes that wait to be put into records.
// SPDX-License-Identifier: Apache-2.0
import COpenSSL
import NIOCore

/// Writes in order, with their promises, handed out in pieces that fill records: a frame header and its payload, written
/// one after the other, share a record; a large write is cut from where it lies, without a copy.
struct PlaintextQueue {
    /// What became of a piece.
    enum OnPiece { case taken, refused }

    private struct Write {
        var bytes: ByteBuffer
        var promise: EventLoopPromise<Void>?
    }

    private var writes = CircularBuffer<Write>(initialCapacity: 0)
    /// The writes up to the last ``flush()``.
    private var flushedCount = 0
    private(set) var flushedBytes = 0
    private(set) var queuedBytes = 0

    var hasFlushed: Bool { flushedCount > 0 }

    mutating func append(_ bytes: ByteBuffer, _ promise: EventLoopPromise<Void>?) {
        queuedBytes += bytes.readableBytes
        writes.append(Write(bytes: bytes, promise: promise))
    }

    /// All that was appended may go out now.
    mutating func flush() {
        flushedCount = writes.count
        flushedBytes = queuedBytes
    }

    /// Hands `body` the next piece of what was flushed; if it is taken, the piece is gone and `written` has the promises
    /// of the writes that ended in it.
    /// - Parameter limit: the longest piece: a multiple of a record's 16 KiB, not zero.
    /// - Returns: nil when only empty writes were left.
    mutating func nextPiece(
        upTo limit: Int, written: inout EventLoopPromise<Void>?, _ body: (UnsafeRawBufferPointer) -> OnPiece
    ) -> OnPiece? {
        popEmpty(&written)
        guard flushedCount > 0, let first = writes.first?.bytes.readableBytes else { return nil }
        let record = TLSConnection.maximumRecordPlaintext
        // What remains of a write after its last full record joins the next write, if there is one.
        let isLast = first == flushedBytes
        let whole = isLast ? first : first - first % record
        let count = whole > 0 ? min(whole, limit) : min(flushedBytes, record)
        let outcome =
            whole > 0
            ? writes[writes.startIndex].bytes.withUnsafeReadableBytes {
                body(UnsafeRawBufferPointer(rebasing: $0.prefix(count)))
            }
            : body(gather(count))
        if outcome == .taken {
            consume(count, &written)
            popEmpty(&written)
        }
        return outcome
    }

    /// Empties the queue.
    /// - Returns: the promises of all that waited, to be failed when nothing holds the queue: who is told may write again.
    mutating func removeAll() -> [EventLoopPromise<Void>] {
        defer { self = PlaintextQueue() }
        return writes.compactMap(\.promise)
    }

    /// The next `count` bytes of several writes, copied together; good until the next call on this thread.
    private func gather(_ count: Int) -> UnsafeRawBufferPointer {
        let scratch = UnsafeMutableRawBufferPointer(start: COpenSSL_recordScratch(), count: count)
        var filled = 0
        var index = writes.startIndex
        while filled < count {
            writes[index].bytes.withUnsafeReadableBytes { bytes in
                let part = bytes.prefix(count - filled)
                UnsafeMutableRawBufferPointer(rebasing: scratch[filled...]).copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: part))
                filled += part.count
            }
            index = writes.index(after: index)
        }
        return UnsafeRawBufferPointer(scratch)
    }

    private mutating func consume(_ count: Int, _ written: inout EventLoopPromise<Void>?) {
        var count = count
        flushedBytes -= count
        queuedBytes -= count
        while count > 0 {
            let front = writes[writes.startIndex].bytes.readableBytes
            if front > count {
                writes[writes.startIndex].bytes.moveReaderIndex(forwardBy: count)
                return
            }
            count -= front
            pop(&written)
        }
    }

    private mutating func popEmpty(_ written: inout EventLoopPromise<Void>?) {
        while flushedCount > 0, writes[writes.startIndex].bytes.readableBytes == 0 { pop(&written) }
    }

    private mutating func pop(_ written: inout EventLoopPromise<Void>?) {
        flushedCount -= 1
        written.setOrCascade(to: writes.removeFirst().promise)
    }
}
