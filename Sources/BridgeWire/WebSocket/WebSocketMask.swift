// rtbridge: the masking of WebSocket payloads.
// SPDX-License-Identifier: Apache-2.0
import NIOCore

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

/// Walks over a client's frames and unmasks their payloads, headers left as they are.
///
/// It runs ahead of the decoder's rules: over the whole of what arrived at once, while nobody else looks at it.
/// Frames that the decoder will refuse end the walk: nothing behind them is ever delivered.
struct WebSocketUnmasker {
    private var reader = WebSocketHeaderReader()
    private var remaining: UInt64 = 0
    private var key: UInt32 = 0
    private var isBroken = false

    /// Unmasks in place where `buffer` is the only owner of its storage, else into a new one of just the right size:
    /// in both cases every byte is touched once.
    mutating func unmask(_ buffer: inout ByteBuffer) {
        let inPlace: Void? = buffer.modifyIfUniquelyOwned { buffer in
            buffer.withUnsafeMutableReadableBytes { bytes in
                guard let base = bytes.baseAddress else { return }
                walk(from: UnsafeRawBufferPointer(bytes), to: base)
            }
        }
        if inPlace != nil { return }
        var copy = ByteBufferAllocator().buffer(capacity: buffer.readableBytes)
        buffer.withUnsafeReadableBytes { source in
            _ = copy.writeWithUnsafeMutableBytes(minimumWritableBytes: source.count) { target in
                if let base = target.baseAddress { walk(from: source, to: base) }
                return source.count
            }
        }
        buffer = copy
    }

    private mutating func walk(from source: UnsafeRawBufferPointer, to target: UnsafeMutableRawPointer) {
        guard let base = source.baseAddress else { return }
        var offset = 0
        while offset < source.count {
            if remaining > 0, !isBroken {
                let count = Int(min(remaining, UInt64(source.count - offset)))
                key = WebSocketMask.apply(key, from: base + offset, to: target + offset, count: count)
                remaining -= UInt64(count)
                offset += count
                continue
            }
            let taken =
                isBroken ? source.count - offset : readHeader(UnsafeRawBufferPointer(rebasing: source[offset...]))
            if base != UnsafeRawPointer(target) { (target + offset).copyMemory(from: base + offset, byteCount: taken) }
            offset += taken
        }
    }

    private mutating func readHeader(_ bytes: UnsafeRawBufferPointer) -> Int {
        let (header, consumed) = reader.read(bytes)
        if let header {
            isBroken = !header.isMasked || header.payloadLength > UInt64(Int64.max)
            remaining = header.payloadLength
            key = header.maskKey
        }
        return consumed
    }
}
