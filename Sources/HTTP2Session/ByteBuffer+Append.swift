// rtbridge: frames at the end of a buffer.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

extension ByteBuffer {
    /// A frame with its payload, written at once.
    @inline(__always)
    mutating func append(
        _ kind: HTTP2FrameKind, flags: UInt8 = 0, stream: Int32 = 0, payload: UnsafeRawBufferPointer
    ) {
        let count = HTTP2FrameHeader.byteCount + payload.count
        writeWithUnsafeMutableBytes(minimumWritableBytes: count) { room in
            let start = room.baseAddress.unsafelyUnwrapped
            HTTP2FrameHeader.write(kind, flags: flags, stream: stream, length: payload.count, to: start)
            if let base = payload.baseAddress {
                (start + HTTP2FrameHeader.byteCount).copyMemory(from: base, byteCount: payload.count)
            }
            return count
        }
    }

    /// A frame whose payload is one number of 32 bits.
    mutating func append(_ kind: HTTP2FrameKind, flags: UInt8 = 0, stream: Int32, _ value: UInt32) {
        withUnsafeBytes(of: value.bigEndian) { append(kind, flags: flags, stream: stream, payload: $0) }
    }
}
