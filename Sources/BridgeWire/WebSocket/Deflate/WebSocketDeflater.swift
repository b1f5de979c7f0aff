// rtbridge: compression of WebSocket messages, piece by piece.
// SPDX-License-Identifier: Apache-2.0
import CZlib
import NIOCore

/// Deflates the messages of one direction (RFC 7692 §7.2.1). It takes its memory with the first message that is worth it:
/// 32 KiB with a window of 4 KiB, for as long as the session.
public final class WebSocketDeflater {
    /// What goes out of a piece.
    public struct Piece {
        public var payload: ByteBuffer
        /// The frame has RSV1: the first one of a compressed message (§6.1).
        public var isMarked: Bool
    }

    /// A whole message of fewer bytes is sent as it is: what deflate saves of it is not worth its time.
    public static let smallestMessage = 64
    /// zlib's fastest: a proxy compresses for many.
    private static let level: Int32 = 1
    /// 16 KiB for the hash table (zconf.h: `1 << (memLevel + 9)` bytes in all).
    private static let memoryLevel: Int32 = 5

    private let windowBits: Int32
    private let resetsEachMessage: Bool
    private var stream: UnsafeMutablePointer<z_stream>?
    private var isCompressing = false

    /// - Parameter windowBits: what was agreed on; a smaller window is used all the same. zlib has no raw one of 256 bytes:
    ///   with 8 nothing is compressed (§6: a sender may leave any message as it is).
    init(windowBits: Int, resetsEachMessage: Bool) {
        self.windowBits =
            windowBits > 8 ? -Int32(min(windowBits, WebSocketDeflateParameters.preferredWindowBits)) : 0
        self.resetsEachMessage = resetsEachMessage
    }

    deinit {
        guard let stream else { return }
        deflateEnd(stream)
        stream.deallocate()
    }

    /// Compresses a piece of a message so that the other side can have all of it at once.
    public func deflate(_ bytes: ByteBuffer, begins: Bool, ends: Bool) -> Piece {
        if begins { isCompressing = isWorthIt(bytes, isWhole: ends) }
        guard isCompressing, let stream else { return Piece(payload: bytes, isMarked: false) }
        var output = ByteBuffer()
        compress(bytes, stream, into: &output)
        if ends {
            isCompressing = false
            if resetsEachMessage { deflateReset(stream) }
            Self.cutTail(&output)
        }
        return Piece(payload: output, isMarked: begins)
    }

    private func isWorthIt(_ bytes: ByteBuffer, isWhole: Bool) -> Bool {
        guard windowBits != 0, !isWhole || bytes.readableBytes >= Self.smallestMessage else { return false }
        return open()
    }

    /// §7.2.1: "Remove 4 octets (that are 0x00 0x00 0xff 0xff) from the tail end." Where the piece before had been flushed
    /// already, and this one is empty, its one byte begins the empty block of which the tail is the rest.
    private static func cutTail(_ output: inout ByteBuffer) {
        guard output.readableBytes >= 4 else {
            output.clear()
            output.writeInteger(UInt8(0))
            return
        }
        output.moveWriterIndex(to: output.writerIndex - 4)
    }

    private func compress(
        _ bytes: ByteBuffer, _ stream: UnsafeMutablePointer<z_stream>, into output: inout ByteBuffer
    ) {
        bytes.withUnsafeReadableBytes { source in
            stream.pointee.next_in = UnsafeMutablePointer(
                mutating: source.baseAddress?.assumingMemoryBound(to: UInt8.self))
            stream.pointee.avail_in = UInt32(clamping: source.count)
            var room = Int(deflateBound(stream, UInt(source.count))) + 16
            // zlib.h: "If deflate returns with avail_out == 0, this function must be called again".
            var isFull = true
            while isFull {
                output.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { target in
                    stream.pointee.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
                    stream.pointee.avail_out = UInt32(clamping: room)
                    _ = CZlib.deflate(stream, Z_SYNC_FLUSH)
                    isFull = stream.pointee.avail_out == 0
                    return room - Int(stream.pointee.avail_out)
                }
                room = 1024
            }
            (stream.pointee.next_in, stream.pointee.next_out) = (nil, nil)
        }
    }

    /// - Returns: whether there is a compressor; without memory for one messages go as they are.
    private func open() -> Bool {
        guard stream == nil else { return true }
        let made = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        made.initialize(to: z_stream())
        guard rtb_deflateInit2Memory(made, Self.level, windowBits, Self.memoryLevel) == Z_OK else {
            made.deallocate()
            return false
        }
        stream = made
        return true
    }
}
