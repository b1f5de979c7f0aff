// rtbridge: UTF-8 that is checked while it arrives.
// SPDX-License-Identifier: Apache-2.0

/// Checks a stream of bytes, cut anywhere, against the well-formed sequences of RFC 3629 §4 (Unicode table 3-7).
/// It fails at the first byte that no continuation can make good.
struct UTF8Checker {
    /// Continuation bytes that the sequence begun last still lacks.
    private var missing = 0
    /// What the next continuation byte may be; narrower than 80..BF after E0, ED, F0 and F4.
    private var lowest: UInt8 = 0x80
    private var highest: UInt8 = 0xBF

    /// Whether the text may end here.
    var isAtBoundary: Bool { missing == 0 }

    /// - Returns: `false` if the text is not UTF-8, whatever follows.
    mutating func check(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let base = bytes.baseAddress else { return true }
        var index = 0
        while index < bytes.count {
            if missing == 0 {
                index = Self.endOfASCII(base, from: index, count: bytes.count)
                guard index < bytes.count else { return true }
                guard begin(base.load(fromByteOffset: index, as: UInt8.self)) else { return false }
            } else {
                let byte = base.load(fromByteOffset: index, as: UInt8.self)
                guard byte >= lowest, byte <= highest else { return false }
                missing &-= 1
                (lowest, highest) = (0x80, 0xBF)
            }
            index &+= 1
        }
        return true
    }

    /// The first byte at or after `start` that is not ASCII, looked for 8 at a time.
    @inline(__always)
    private static func endOfASCII(_ base: UnsafeRawPointer, from start: Int, count: Int) -> Int {
        var index = start
        while index &+ 8 <= count {
            let word = UInt64(littleEndian: base.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            let high = word & 0x8080_8080_8080_8080
            if high != 0 { return index &+ high.trailingZeroBitCount / 8 }
            index &+= 8
        }
        while index < count, base.load(fromByteOffset: index, as: UInt8.self) < 0x80 { index &+= 1 }
        return index
    }

    /// Takes the first byte of a sequence of two to four.
    private mutating func begin(_ byte: UInt8) -> Bool {
        switch byte {
        case 0xC2...0xDF: missing = 1
        case 0xE0: (missing, lowest) = (2, 0xA0)
        case 0xED: (missing, highest) = (2, 0x9F)
        case 0xE1...0xEF: missing = 2
        case 0xF0: (missing, lowest) = (3, 0x90)
        case 0xF1...0xF3: missing = 3
        case 0xF4: (missing, highest) = (3, 0x8F)
        default: return false  // A continuation byte, C0, C1, F5...FF. (ASCII never comes here.)
        }
        return true
    }

    /// Whether the whole of `bytes` is UTF-8.
    static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var checker = UTF8Checker()
        return checker.check(bytes) && checker.isAtBoundary
    }
}
