// rtbridge: decompression of WebSocket messages, piece by piece.
// SPDX-License-Identifier: Apache-2.0
import CZlib
import NIOCore

/// Inflates the messages of one direction (RFC 7692 §7.2.2), and never makes more at a time than it is asked for.
///
/// It takes memory with the first message: the window that was agreed on, 256 bytes to 32 KiB, and some 10 KiB.
final class WebSocketInflater {
    private let windowBits: Int32
    private let resetsEachMessage: Bool
    /// zlib keeps the address of this struct.
    private var stream: UnsafeMutablePointer<z_stream>?
    private var input = ByteBuffer()

    /// - Parameter resetsEachMessage: the sender begins each message without what it knew (§7.1.1).
    init(windowBits: Int, resetsEachMessage: Bool) {
        // Negative: raw deflate (zlib.h, inflateInit2).
        self.windowBits = -Int32(windowBits)
        self.resetsEachMessage = resetsEachMessage
    }

    deinit {
        guard let stream else { return }
        inflateEnd(stream)
        stream.deallocate()
    }

    /// §7.2.2: "Append 4 octets of 0x00 0x00 0xff 0xff to the tail end of the payload of the message."
    static let tail = ByteBuffer(bytes: [0x00, 0x00, 0xFF, 0xFF])

    /// Gives it more of a message; only once it has used up what it had.
    func feed(_ bytes: ByteBuffer) {
        precondition(input.readableBytes == 0, "WebSocketInflater.feed with input left")
        input = bytes
    }

    /// Appends what comes next.
    /// - Parameter most: at least 1.
    /// - Returns: whether it stopped because `most` bytes were made, and not because the input is used up.
    /// - Throws: 1007 for what is not deflate data.
    func inflate(into output: inout ByteBuffer, most: Int) throws(WebSocketViolation) -> Bool {
        let stream = try opened()
        let before = output.readableBytes
        while true {
            let room = most - (output.readableBytes - before)
            guard room > 0 else { return true }
            let (result, produced) = step(stream, into: &output, room)
            switch result {
            case Z_OK, Z_BUF_ERROR: break
            // §7.2.3.5: a block with BFINAL ends the stream of deflate, not the message; what follows may refer to it.
            case Z_STREAM_END: guard inflateResetKeep(stream) == Z_OK else { throw .badDeflate }
            case Z_MEM_ERROR: throw .noMemoryToInflate
            default: throw .badDeflate  // Z_DATA_ERROR, Z_NEED_DICT, Z_STREAM_ERROR
            }
            if input.readableBytes == 0, produced < room {
                input = ByteBuffer()
                return false
            }
            guard produced > 0 || result != Z_BUF_ERROR else { throw .badDeflate }
        }
    }

    /// The message is over, its tail included.
    func endMessage() {
        if resetsEachMessage, let stream { inflateReset(stream) }
    }

    private func step(
        _ stream: UnsafeMutablePointer<z_stream>, into output: inout ByteBuffer, _ room: Int
    ) -> (result: Int32, produced: Int) {
        var result = Z_OK
        var consumed = 0
        let produced = output.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { target in
            input.withUnsafeReadableBytes { source in
                // zlib.h declares the input without const and does not write to it.
                stream.pointee.next_in = UnsafeMutablePointer(
                    mutating: source.baseAddress?.assumingMemoryBound(to: UInt8.self))
                stream.pointee.avail_in = UInt32(clamping: source.count)
                stream.pointee.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
                stream.pointee.avail_out = UInt32(clamping: room)
                result = CZlib.inflate(stream, Z_SYNC_FLUSH)
                consumed = source.count - Int(stream.pointee.avail_in)
                let made = room - Int(stream.pointee.avail_out)
                (stream.pointee.next_in, stream.pointee.next_out) = (nil, nil)
                return made
            }
        }
        input.moveReaderIndex(forwardBy: consumed)
        return (result, produced)
    }

    private func opened() throws(WebSocketViolation) -> UnsafeMutablePointer<z_stream> {
        if let stream { return stream }
        let made = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        made.initialize(to: z_stream())
        guard rtb_inflateInit2(made, windowBits) == Z_OK else {
            made.deallocate()
            throw .noMemoryToInflate
        }
        stream = made
        return made
    }
}
