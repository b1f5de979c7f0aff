// rtbridge: pieces of messages in one block of memory.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Pieces in order. They are copied, so that a message of one byte keeps no more than that, and not the whole buffer in
/// which it was read.
struct PieceQueue {
    private struct Entry {
        var length: UInt32
        var flags: BodyFlags
    }

    private var bytes = ByteBuffer()
    private var entries = CircularBuffer<Entry>()

    var isEmpty: Bool { entries.isEmpty }
    var byteCount: Int { bytes.readableBytes }

    mutating func append(_ piece: ByteBuffer, _ flags: BodyFlags) {
        if bytes.readerIndex > bytes.readableBytes { bytes.discardReadBytes() }
        bytes.writeImmutableBuffer(piece)
        entries.append(Entry(length: UInt32(piece.readableBytes), flags: flags))
    }

    mutating func popFirst() -> (bytes: ByteBuffer, flags: BodyFlags)? {
        guard let entry = entries.popFirst(), let piece = bytes.readSlice(length: Int(entry.length)) else { return nil }
        return (piece, entry.flags)
    }

    /// Removes pieces up to the first end of a message.
    /// - Returns: whether there was an end; else all is gone, and the rest of a message is still to come.
    mutating func dropMessage() -> Bool {
        while let entry = entries.popFirst() {
            bytes.moveReaderIndex(forwardBy: Int(entry.length))
            if entry.flags.contains(.endsMessage) { return true }
        }
        return false
    }
}
