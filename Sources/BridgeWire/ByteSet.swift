// rtbridge: a set of ASCII characters.
// SPDX-License-Identifier: Apache-2.0

/// A set of bytes below 0x80, a bit each.
struct ByteSet: Sendable, ExpressibleByStringLiteral {
    private var low: UInt64 = 0
    private var high: UInt64 = 0

    init(stringLiteral characters: StaticString) {
        characters.withUTF8Buffer { for byte in $0 { insert(byte) } }
    }

    /// RFC 5234 B.1: ALPHA and DIGIT, and `more`.
    init(alphanumericAnd more: StaticString) {
        self.init(stringLiteral: more)
        for byte in UInt8(ascii: "0")...UInt8(ascii: "9") { insert(byte) }
        for byte in UInt8(ascii: "a")...UInt8(ascii: "z") {
            insert(byte)
            insert(byte - 0x20)
        }
    }

    private mutating func insert(_ byte: UInt8) {
        precondition(byte < 0x80, "ByteSet: \(byte) is not ASCII")
        if byte < 64 { low |= 1 << UInt64(byte) } else { high |= 1 << UInt64(byte & 63) }
    }

    @inline(__always)
    func contains(_ byte: UInt8) -> Bool {
        guard byte < 0x80 else { return false }
        return ((byte < 64 ? low : high) &>> UInt64(byte & 63)) & 1 != 0
    }

    func containsAll(of bytes: UnsafeRawBufferPointer) -> Bool {
        for byte in bytes where !contains(byte) { return false }
        return true
    }
}
