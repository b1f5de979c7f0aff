// rtbridge: frame headers that arrive in pieces.
// SPDX-License-Identifier: Apache-2.0

/// Puts a header together from bytes that may arrive one at a time. It holds at most 14 bytes, inline.
struct WebSocketHeaderReader {
    private var scratch: (UInt64, UInt64) = (0, 0)
    private var count = 0

    /// The first two bytes of a header that has not ended yet, so that its faults show before the rest arrives.
    var beginning: (first: UInt8, second: UInt8)? {
        guard count >= 2 else { return nil }
        return withUnsafeBytes(of: scratch) { ($0[0], $0[1]) }
    }

    /// Takes bytes up to the end of a header.
    /// - Returns: the header as soon as it is whole, and how many of `bytes` it took.
    mutating func read(_ bytes: UnsafeRawBufferPointer) -> (header: WebSocketFrameHeader?, consumed: Int) {
        if count == 0, bytes.count >= 2, let base = bytes.baseAddress {
            let length = WebSocketFrameHeader.length(second: bytes[1])
            if bytes.count >= length { return (WebSocketFrameHeader(base), length) }
        }
        return withUnsafeMutableBytes(of: &scratch) { scratch in
            for (index, byte) in bytes.enumerated() {
                scratch[count] = byte
                count += 1
                if count >= 2, count == WebSocketFrameHeader.length(second: scratch[1]), let base = scratch.baseAddress
                {
                    count = 0
                    return (WebSocketFrameHeader(base), index + 1)
                }
            }
            return (nil, bytes.count)
        }
    }
}
