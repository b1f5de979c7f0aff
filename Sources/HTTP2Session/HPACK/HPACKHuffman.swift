// rtbridge: the Huffman code of HPACK.
// SPDX-License-Identifier: Apache-2.0

/// The tables of RFC 7541 Appendix B, made once in the process and never changed. A value is a pointer to them.
///
/// "The Huffman code … is a canonical Huffman code": symbols in the order of their lengths, then of their values, have codes
/// that follow one another. So the lengths say all.
///
/// Safety: nothing writes to the memory after ``shared`` is made; it is never given back.
struct HPACKHuffman: @unchecked Sendable {
    /// By symbol: the code in the low 32 bits, its length above.
    let codes: UnsafePointer<UInt64>
    /// By the first ten bits: the symbol and, above it, the length of its code; 0 where the code is longer.
    let short: UnsafePointer<UInt16>
    /// By length of the code: what codes of this length and shorter ones are below, as the first of 32 bits.
    let limits: UnsafePointer<UInt64>
    /// By length of the code: what to add to the code for its place in ``symbols``.
    let places: UnsafePointer<Int>
    let symbols: UnsafePointer<UInt16>

    static let shared = HPACKHuffman()

    /// Ten bits have the codes of all letters, digits and most punctuation.
    static let shortBits = 10
    /// The longest code, that of EOS.
    static let longest = 30
    static let endOfString = 256

    /// RFC 7541 Appendix B, "code length in bits" of the symbols 0...256: e is 5, ~ is 30.
    private static let lengths: StaticString = """
        mw|||||||x~||~||||||||~|||||||||fjjlmfhkjjhkhfffeeefffffffghoflj\
        mfgggggggggggggggggggggghghmsmnfoefefefffeggfffefgfeefgggggoknm|\
        tvttvvvwvwwwwwxwxxvwxwwwwuvwvwwxvutvvwwuwvvxuvwwuuvuwvwwtvvvwvvw\
        zztsvwvyzzz{{zxysuz{{z{xuuzz|{{{txtuvuuwvvyyxxzwz{zz{{{{{|{{{{{z\
        ~
        """

    private init() {
        let codes = UnsafeMutablePointer<UInt64>.allocate(capacity: Self.endOfString + 1)
        let short = UnsafeMutablePointer<UInt16>.allocate(capacity: 1 << Self.shortBits)
        let limits = UnsafeMutablePointer<UInt64>.allocate(capacity: Self.longest + 1)
        let places = UnsafeMutablePointer<Int>.allocate(capacity: Self.longest + 1)
        let symbols = UnsafeMutablePointer<UInt16>.allocate(capacity: Self.endOfString + 1)
        short.initialize(repeating: 0, count: 1 << Self.shortBits)
        limits.initialize(repeating: 0, count: Self.longest + 1)
        places.initialize(repeating: 0, count: Self.longest + 1)
        var (code, place) = (0, 0)
        for length in 1...Self.longest {
            code <<= 1
            places[length] = place - code
            for symbol in 0...Self.endOfString where Int(Self.lengths.utf8Start[symbol]) - 0x60 == length {
                codes[symbol] = UInt64(code) | UInt64(length) << 32
                symbols[place] = UInt16(symbol)
                if length <= Self.shortBits {
                    let rest = Self.shortBits - length
                    let entry = UInt16(symbol | length << 8)
                    for suffix in 0..<1 << rest { short[code << rest | suffix] = entry }
                }
                code += 1
                place += 1
            }
            limits[length] = UInt64(code) << (32 - length)
        }
        self.codes = UnsafePointer(codes)
        self.short = UnsafePointer(short)
        self.limits = UnsafePointer(limits)
        self.places = UnsafePointer(places)
        self.symbols = UnsafePointer(symbols)
    }
}
