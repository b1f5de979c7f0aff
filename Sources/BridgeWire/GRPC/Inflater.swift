// rtbridge: decompression of whole messages by zlib.
// SPDX-License-Identifier: Apache-2.0
import CZlib
import NIOCore

/// Decompresses messages, one after the other, never to more than a limit.
final class Inflater {
    /// What gRPC calls `gzip` and `deflate` (gRPC doc/compression.md: deflate is the zlib structure of RFC 1950).
    enum Format {
        case gzip
        case zlib

        /// zlib.h, `inflateInit2`: 8..15 for zlib, 16 more for gzip.
        var windowBits: Int32 {
            switch self {
            case .gzip: 15 + 16
            case .zlib: 15
            }
        }
    }

    private let format: Format
    /// zlib keeps the address of this struct.
    private let stream: UnsafeMutablePointer<z_stream>

    init(_ format: Format) throws(GRPCFrameError) {
        self.format = format
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        guard rtb_inflateInit2(stream, format.windowBits) == Z_OK else {
            stream.deallocate()
            throw .noInflater
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
    }

    /// How much room zlib is given at a time, so that a small message costs little and a bomb is stopped early.
    private static let step = 16 * 1024

    /// Appends the whole message that `input` holds compressed.
    /// - Parameter limit: the most bytes that it may have.
    func inflate(_ input: ByteBuffer, limit: Int, into output: inout ByteBuffer) throws(GRPCFrameError) {
        guard inflateReset(stream) == Z_OK else { throw .corruptMessage }
        defer { (stream.pointee.next_in, stream.pointee.next_out) = (nil, nil) }
        try input.withUnsafeReadableBytes { (bytes) throws(GRPCFrameError) in
            // zlib.h declares the input without const and does not write to it.
            stream.pointee.next_in = UnsafeMutablePointer(
                mutating: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self))
            stream.pointee.avail_in = UInt32(clamping: bytes.count)
            var produced = 0
            while true {
                // One byte above the limit shows that it is broken.
                let room = min(max(Self.step, produced), limit - produced + 1)
                var result = Z_OK
                produced += output.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { target in
                    stream.pointee.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
                    stream.pointee.avail_out = UInt32(clamping: room)
                    result = CZlib.inflate(stream, Z_NO_FLUSH)
                    return room - Int(stream.pointee.avail_out)
                }
                guard produced <= limit else { throw .decompressedTooLarge(limit: limit) }
                if try isDone(result) { return }
            }
        }
    }

    /// Whether the message is whole, after a step that filled its room or used up the input.
    private func isDone(_ result: Int32) throws(GRPCFrameError) -> Bool {
        switch result {
        case Z_STREAM_END:
            guard stream.pointee.avail_in > 0 else { return true }
            // RFC 1952 §2.2: "A gzip file consists of a series of members".
            guard format == .gzip, inflateReset(stream) == Z_OK else { throw .corruptMessage }
            return false
        case Z_OK where stream.pointee.avail_out == 0:
            return false
        case Z_MEM_ERROR:
            throw .noInflater
        default:  // Z_DATA_ERROR, Z_NEED_DICT, or an input that ends too early.
            throw .corruptMessage
        }
    }
}
