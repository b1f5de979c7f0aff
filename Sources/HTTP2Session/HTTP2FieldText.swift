// rtbridge: which bytes names and values of fields may have.
// SPDX-License-Identifier: Apache-2.0

/// The characters that RFC 9113 §8.2.1, RFC 9110 §5.5 and RFC 3986 allow, on raw bytes.
enum HTTP2FieldText {
    /// ASCII characters as bits.
    struct Characters {
        private let low: UInt64
        private let high: UInt64

        init(_ characters: StaticString, adding others: Characters? = nil) {
            var (low, high) = (others?.low ?? 0, others?.high ?? 0)
            for index in 0..<characters.utf8CodeUnitCount {
                let byte = characters.utf8Start[index]
                if byte < 64 { low |= 1 &<< UInt64(byte) } else { high |= 1 &<< UInt64(byte &- 64) }
            }
            (self.low, self.high) = (low, high)
        }

        @inline(__always)
        func contains(_ byte: UInt8) -> Bool {
            let bits = byte & 64 == 0 ? low : high
            return byte < 128 && bits &>> UInt64(byte & 63) & 1 != 0
        }

        @inline(__always)
        func containAll(of bytes: UnsafeRawBufferPointer) -> Bool {
            for byte in bytes where !contains(byte) { return false }
            return true
        }
    }

    /// RFC 9110 §5.6.2: tchar, without upper-case letters (RFC 9113 §8.2.1).
    private static let name = Characters("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
    private static let token = Characters("ABCDEFGHIJKLMNOPQRSTUVWXYZ", adding: name)
    /// RFC 3986 §3.1.
    private static let scheme = Characters("+-.0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    /// RFC 3986 §3.2: what may stand in a host and a port, user information and brackets of an address included.
    private static let authority = Characters("!$%&'()*+,;=:@[]-._~", adding: scheme)

    static func isName(_ bytes: UnsafeRawBufferPointer) -> Bool { !bytes.isEmpty && name.containAll(of: bytes) }

    static func isToken(_ bytes: UnsafeRawBufferPointer) -> Bool { !bytes.isEmpty && token.containAll(of: bytes) }

    static func isScheme(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let first = bytes.first, first | 0x20 >= 0x61, first | 0x20 <= 0x7A else { return false }
        return scheme.containAll(of: bytes)
    }

    static func isAuthority(_ bytes: UnsafeRawBufferPointer) -> Bool { authority.containAll(of: bytes) }

    /// No control characters, no space: what else a path may not have is for whoever reads it.
    static func isPath(_ bytes: UnsafeRawBufferPointer) -> Bool { scan(bytes, below: 0x21, allowsTab: false) }

    /// RFC 9110 §5.5: visible characters, space, HTAB and bytes above 0x7F.
    static func isValue(_ bytes: UnsafeRawBufferPointer) -> Bool { scan(bytes, below: 0x20, allowsTab: true) }

    /// Whether no byte is below `bound` or DEL: eight bytes a step.
    @inline(__always)
    private static func scan(_ bytes: UnsafeRawBufferPointer, below bound: UInt64, allowsTab: Bool) -> Bool {
        let (ones, tops): (UInt64, UInt64) = (0x0101_0101_0101_0101, 0x8080_8080_8080_8080)
        var index = 0
        while index &+ 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            let deletes = word ^ (ones &* 0x7F)
            // Sean Anderson, Bit Twiddling Hacks: "Determine if a word has a byte less than n", and "a zero byte".
            let isLow = (word &- ones &* bound) & ~word & tops
            let isDelete = (deletes &- ones) & ~deletes & tops
            guard isLow | isDelete == 0 else { break }
            index &+= 8
        }
        while index < bytes.count {
            let byte = bytes[index]
            guard byte >= UInt8(bound) && byte != 0x7F || (allowsTab && byte == 0x09) else { return false }
            index &+= 1
        }
        return true
    }

    /// gRPC PROTOCOL-HTTP2.md, Custom-Metadata: "ASCII-Value should not have leading or trailing whitespace. If it contains
    /// leading or trailing whitespace, it may be stripped." A `grpc-message` may well end so, and RFC 9113 §8.2.1 would have
    /// the whole call end for it.
    @inline(__always)
    static func trimmed(_ value: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        guard let first = value.first, let last = value.last else { return value }
        guard first == 0x20 || first == 0x09 || last == 0x20 || last == 0x09 else { return value }
        var range = value[...]
        while let byte = range.first, byte == 0x20 || byte == 0x09 { range.removeFirst() }
        while let byte = range.last, byte == 0x20 || byte == 0x09 { range.removeLast() }
        return UnsafeRawBufferPointer(rebasing: range)
    }

    /// RFC 9110 §8.6: digits alone.
    /// - Returns: nil if it is no length, or does not fit an Int.
    static func length(_ bytes: UnsafeRawBufferPointer) -> Int? {
        guard !bytes.isEmpty else { return nil }
        var length = 0
        for byte in bytes {
            guard byte &- 0x30 < 10 else { return nil }
            let (product, overflows) = length.multipliedReportingOverflow(by: 10)
            let (sum, overflowsToo) = product.addingReportingOverflow(Int(byte &- 0x30))
            guard !overflows, !overflowsToo else { return nil }
            length = sum
        }
        return length
    }
}
