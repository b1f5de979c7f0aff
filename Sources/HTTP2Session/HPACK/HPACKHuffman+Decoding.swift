// rtbridge: strings out of the Huffman code of HPACK.
// SPDX-License-Identifier: Apache-2.0

extension HPACKHuffman {
    /// What `count` bytes of code hold at most: the shortest codes have five bits.
    @inline(__always)
    static func largestDecoded(_ count: Int) -> Int { count / 5 * 8 + 8 }

    /// RFC 7541 §5.2.
    ///
    /// - Parameter target: room for ``largestDecoded(_:)``.
    /// - Returns: how many bytes were written.
    func decode(_ code: UnsafeRawBufferPointer, to target: UnsafeMutableRawPointer) throws(HPACKError) -> Int {
        guard var next = code.baseAddress else { return 0 }
        let end = next + code.count
        // The bits that are not decoded yet, from the highest one on; zeros behind them.
        var bits: UInt64 = 0
        var held: UInt64 = 0
        var written = target
        while true {
            if held < UInt64(Self.longest) {
                if end - next >= 4 {
                    let word = UInt32(bigEndian: next.loadUnaligned(as: UInt32.self))
                    bits |= UInt64(word) &<< (32 &- held)
                    held &+= 32
                    next += 4
                } else {
                    while next < end {
                        bits |= UInt64(next.load(as: UInt8.self)) &<< (56 &- held)
                        held &+= 8
                        next += 1
                    }
                }
            }
            let entry = short[Int(bits &>> UInt64(64 - Self.shortBits))]
            var length = UInt64(entry &>> 8)
            var symbol = Int(entry & 0xFF)
            if length == 0 { (symbol, length) = long(bits) }
            guard length <= held else { break }
            guard symbol != Self.endOfString else { throw .endOfStringSymbol }
            written.storeBytes(of: UInt8(truncatingIfNeeded: symbol), as: UInt8.self)
            written += 1
            bits &<<= length
            held &-= length
        }
        // "the most significant bits of the code corresponding to the EOS": ones.
        guard held <= 7, bits == ~(UInt64.max &>> held) else { throw .huffmanPadding }
        return written - target
    }

    /// A code of more than ten bits.
    @inline(never)
    private func long(_ bits: UInt64) -> (symbol: Int, length: UInt64) {
        let first = bits &>> 32
        var length = Self.shortBits + 1
        // The longest codes reach up to 2^32.
        while length < Self.longest, first >= limits[length] { length += 1 }
        let place = Int(first &>> UInt64(32 - length)) + places[length]
        return (Int(symbols[place]), UInt64(length))
    }
}
