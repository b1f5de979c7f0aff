// rtbridge: strings in the Huffman code of HPACK.
// SPDX-License-Identifier: Apache-2.0

extension HPACKHuffman {
    /// How many bytes ``encode(_:to:)`` writes.
    func encodedLength(_ bytes: UnsafeRawBufferPointer) -> Int {
        var bits: UInt64 = 0
        for byte in bytes { bits &+= codes[Int(byte)] &>> 32 }
        return Int((bits &+ 7) &>> 3)
    }

    /// RFC 7541 §5.2.
    ///
    /// - Parameter target: room for ``encodedLength(_:)``.
    func encode(_ bytes: UnsafeRawBufferPointer, to target: UnsafeMutableRawPointer) {
        var written = target
        // The bits that are not written yet, in the lowest ones; at most 31 between two symbols.
        var bits: UInt64 = 0
        var held: UInt64 = 0
        for byte in bytes {
            let code = codes[Int(byte)]
            let length = code &>> 32
            bits = bits &<< length | code & 0xFFFF_FFFF
            held &+= length
            if held >= 32 {
                held &-= 32
                let word = UInt32(truncatingIfNeeded: bits &>> held)
                written.storeBytes(of: word.bigEndian, as: UInt32.self)
                written += 4
            }
        }
        while held >= 8 {
            held &-= 8
            written.storeBytes(of: UInt8(truncatingIfNeeded: bits &>> held), as: UInt8.self)
            written += 1
        }
        if held > 0 {
            // "the most significant bits of the code corresponding to the EOS": ones.
            let rest = bits &<< (8 &- held) | 0xFF &>> held
            written.storeBytes(of: UInt8(truncatingIfNeeded: rest), as: UInt8.self)
        }
    }
}
