// rtbridge: the masking of WebSocket payloads.
// SPDX-License-Identifier: Apache-2.0

/// RFC 6455 §5.3: octet i of the payload is XORed with octet (i mod 4) of the masking key.
enum WebSocketMask {
    /// Writes `count` masked (or unmasked, it is the same) bytes of `source` to `target`, which may be the same place.
    /// - Parameter key: the key's bytes as they lie in memory, turned so that its first byte is for the first of `source`.
    /// - Returns: the key for the byte after the last.
    static func apply(
        _ key: UInt32, from source: UnsafeRawPointer, to target: UnsafeMutableRawPointer, count: Int
    ) -> UInt32 {
        let wide = UInt64(key) | UInt64(key) << 32
        var offset = 0
        while offset &+ 8 <= count {
            let value = source.loadUnaligned(fromByteOffset: offset, as: UInt64.self) ^ wide
            target.storeBytes(of: value, toByteOffset: offset, as: UInt64.self)
            offset &+= 8
        }
        // 8 is a multiple of 4: the key stands as it did at the beginning.
        var rest = key
        while offset < count {
            let value = source.load(fromByteOffset: offset, as: UInt8.self) ^ firstByte(of: rest)
            target.storeBytes(of: value, toByteOffset: offset, as: UInt8.self)
            rest = turned(rest)
            offset &+= 1
        }
        return rest
    }

    @inline(__always)
    private static func firstByte(of key: UInt32) -> UInt8 { UInt8(truncatingIfNeeded: key.littleEndian) }

    @inline(__always)
    private static func turned(_ key: UInt32) -> UInt32 {
        let little = key.littleEndian
        return UInt32(littleEndian: little >> 8 | little << 24)
    }
}
