// rtbridge: a block of fields as it is written.
// SPDX-License-Identifier: Apache-2.0

/// A place in memory that has room for all that comes: whoever makes the room counts with the bounds below.
struct HPACKWriter {
    private(set) var position: UnsafeMutableRawPointer

    /// An integer of 32 bits has at most so many bytes, prefix included (RFC 7541 §5.1).
    static let integerBytes = 6
    /// What a field takes besides its name and its value: a representation and two lengths.
    static let fieldBytes = 3 * integerBytes
    /// RFC 7541 §4.2: two size updates before the first field, at most.
    static let updateBytes = 2 * integerBytes

    @inline(__always)
    mutating func byte(_ byte: UInt8) {
        position.storeBytes(of: byte, as: UInt8.self)
        position += 1
    }

    /// RFC 7541 §5.1.
    ///
    /// - Parameters:
    ///   - mask: the bits of the prefix.
    ///   - pattern: what the other bits of the first byte are.
    @inline(__always)
    mutating func integer(_ value: Int, _ mask: UInt8, _ pattern: UInt8) {
        if value < Int(mask) {
            byte(pattern | UInt8(truncatingIfNeeded: value))
        } else {
            byte(pattern | mask)
            continuation(value &- Int(mask))
        }
    }

    @inline(never)
    private mutating func continuation(_ value: Int) {
        var rest = value
        while rest >= 0x80 {
            byte(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest &>>= 7
        }
        byte(UInt8(truncatingIfNeeded: rest))
    }

    /// RFC 7541 §5.2, the string as it is.
    @inline(__always)
    mutating func raw(_ bytes: UnsafeRawBufferPointer) {
        integer(bytes.count, 0x7F, 0)
        HPACKBytes.copy(bytes, to: position)
        position += bytes.count
    }

    /// RFC 7541 §5.2, in Huffman code where that is shorter.
    @inline(never)
    mutating func shortest(_ bytes: UnsafeRawBufferPointer, _ huffman: HPACKHuffman) {
        let length = huffman.encodedLength(bytes)
        guard length < bytes.count else { return raw(bytes) }
        integer(length, 0x7F, 0x80)
        huffman.encode(bytes, to: position)
        position += length
    }
}
