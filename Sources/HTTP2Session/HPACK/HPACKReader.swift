// rtbridge: the bytes of a block of fields, from front to back.
// SPDX-License-Identifier: Apache-2.0

/// Where a decoder is in a block. It reads nothing beyond the end.
struct HPACKReader {
    private(set) var position: UnsafeRawPointer
    let end: UnsafeRawPointer

    /// RFC 7541 §5.1: seven bits an octet; 32 bits take five.
    private static let largestShift: UInt64 = 28

    @inline(__always)
    init(_ start: UnsafeRawPointer, count: Int) {
        position = start
        end = start + count
    }

    @inline(__always)
    var isAtEnd: Bool { position == end }

    @inline(__always)
    var count: Int { end - position }

    /// The next byte, which there must be.
    @inline(__always)
    var next: UInt8 { position.load(as: UInt8.self) }

    /// RFC 7541 §5.1: an integer in the low bits, `mask`, of the next byte, which there must be, and maybe in more of them.
    /// At most 2^32 - 1.
    @inline(__always)
    mutating func integer(_ mask: UInt8) throws(HPACKError) -> Int {
        let prefix = next & mask
        position += 1
        guard prefix == mask else { return Int(prefix) }
        return try continuation(UInt64(mask))
    }

    @inline(never)
    private mutating func continuation(_ prefix: UInt64) throws(HPACKError) -> Int {
        var value = prefix
        var shift: UInt64 = 0
        while true {
            guard !isAtEnd else { throw .truncated }
            let byte = next
            position += 1
            guard shift <= Self.largestShift else { throw .integerTooLarge }
            value &+= UInt64(byte & 0x7F) &<< shift
            guard value <= UInt64(UInt32.max) else { throw .integerTooLarge }
            guard byte & 0x80 != 0 else { return Int(value) }
            shift &+= 7
        }
    }

    /// The next `count` bytes.
    @inline(__always)
    mutating func take(_ count: Int) throws(HPACKError) -> UnsafeRawBufferPointer {
        guard count <= self.count else { throw .truncated }
        let start = position
        position += count
        return UnsafeRawBufferPointer(start: start, count: count)
    }
}
