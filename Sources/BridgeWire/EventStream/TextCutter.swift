// rtbridge: text out of pieces that may be cut anywhere.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Gives text on piece by piece. The beginning of a character, and a CR whose LF may follow, wait for the next piece; bytes
/// that are not UTF-8 become U+FFFD (Unicode §3.9, "maximal subpart").
public struct TextCutter {
    /// At most three bytes.
    private var kept = ByteBuffer()

    public init() {}

    /// - Returns: what is whole; perhaps nothing.
    public mutating func next(_ piece: ByteBuffer) -> String {
        kept.writeImmutableBuffer(piece)
        let count = kept.readableBytes - Self.incomplete(kept.readableBytesView)
        let text = kept.readSlice(length: count).map { String(decoding: $0.readableBytesView, as: UTF8.self) } ?? ""
        kept.discardReadBytes()
        return text
    }

    /// What is left at the end.
    public mutating func finish() -> String {
        defer { kept.clear() }
        return String(decoding: kept.readableBytesView, as: UTF8.self)
    }

    /// How many bytes at the end begin something that is not complete.
    private static func incomplete(_ bytes: ByteBufferView) -> Int {
        if bytes.last == 0x0D { return 1 }
        for (back, byte) in bytes.suffix(3).reversed().enumerated() {
            guard byte & 0xC0 != 0x80 else { continue }
            // RFC 3629 §3: the first byte tells how many follow.
            let length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1
            return length > back + 1 ? back + 1 : 0
        }
        return 0
    }
}
