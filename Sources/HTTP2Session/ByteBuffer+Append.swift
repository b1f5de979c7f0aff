// rtbridge: raw bytes at the end of a buffer.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

extension ByteBuffer {
    /// What `writeBytes` does, in line: most of what a session sends are pieces of a few bytes.
    @inline(__always)
    mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress, bytes.count > 0 else { return }
        writeWithUnsafeMutableBytes(minimumWritableBytes: bytes.count) { room in
            room.baseAddress.unsafelyUnwrapped.copyMemory(from: base, byteCount: bytes.count)
            return bytes.count
        }
    }
}
