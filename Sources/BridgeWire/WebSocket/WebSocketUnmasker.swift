// rtbridge: the payloads of a client's frames, unmasked in one pass.
// SPDX-License-Identifier: Apache-2.0
import NIOCore

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
