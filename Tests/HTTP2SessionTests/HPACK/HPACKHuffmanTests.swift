// rtbridge: the Huffman code of RFC 7541 Appendix B.
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HTTP2Session

struct HPACKHuffmanTests {
    private let huffman = HPACKHuffman.shared

    private func encoded(_ text: [UInt8]) -> [UInt8] {
        text.withUnsafeBytes { text in
            [UInt8](unsafeUninitializedCapacity: huffman.encodedLength(text)) { room, count in
                huffman.encode(text, to: UnsafeMutableRawPointer(room.baseAddress!))
                count = huffman.encodedLength(text)
            }
        }
    }

    /// RFC 7541 Appendix B: codes of every length that there is.
    @Test(arguments: [
        (0x30, 0x0, 5), (0x61, 0x3, 5), (0x74, 0x9, 5), (0x20, 0x14, 6), (0x41, 0x21, 6), (0x3A, 0x5C, 7),
        (0x7A, 0x7B, 7), (0x26, 0xF8, 8), (0x5A, 0xFD, 8), (0x21, 0x3F8, 10), (0x3F, 0x3FC, 10), (0x27, 0x7FA, 11),
        (0x7C, 0x7FC, 11), (0x23, 0xFFA, 12), (0x3E, 0xFFB, 12), (0, 0x1FF8, 13), (0x7E, 0x1FFD, 13),
        (0x5E, 0x3FFC, 14), (0x7D, 0x3FFD, 14), (0x3C, 0x7FFC, 15), (0x7B, 0x7FFE, 15), (0x5C, 0x7FFF0, 19),
        (0xD0, 0x7FFF2, 19), (0x80, 0xFFFE6, 20), (0xE2, 0xFFFED, 20), (0x99, 0x1FFFDC, 21),
        (0x81, 0x3FFFD2, 22), (1, 0x7FFFD8, 23), (9, 0xFFFFEA, 24), (0xC7, 0x1FFFFEC, 25), (0xC0, 0x3FFFFE0, 26),
        (0xCB, 0x7FFFFDE, 27), (2, 0xFFFFFE2, 28), (0xFF, 0x3FFFFEE, 26), (0xF9, 0xFFFFFFE, 28),
        (10, 0x3FFF_FFFC, 30), (22, 0x3FFF_FFFE, 30), (256, 0x3FFF_FFFF, 30),
    ])
    func codesAreThoseOfTheRFC(_ symbol: Int, _ code: UInt64, _ length: UInt64) {
        #expect(huffman.codes[symbol] == code | length << 32)
    }

    @Test func everyPairOfBytesComesBack() throws {
        for pair in 0..<65536 {
            let text = [UInt8(pair >> 8), UInt8(pair & 0xFF)]
            let code = encoded(text)
            var room = [UInt8](repeating: 0, count: HPACKHuffman.largestDecoded(code.count))
            let count = try code.withUnsafeBytes { code in
                try room.withUnsafeMutableBytes { try huffman.decode(code, to: $0.baseAddress!) }
            }
            guard Array(room.prefix(count)) == text else {
                Issue.record("\(text)")
                return
            }
        }
    }

    /// Up to seven ones are padding (RFC 7541 §5.2), whatever comes before them.
    @Test func paddingOfUpToSevenBitsIsTaken() {
        for count in 1...8 {
            // "0" has five bits: lengths of all remainders.
            let code = encoded([UInt8](repeating: 0x30, count: count))
            #expect(code.count == (5 * count + 7) / 8)
            var decoder = HPACKDecoder()
            let value = decoder.verdict([0x00, 0x01, 0x61, 0x80 | UInt8(code.count)] + code).verdict.fields.first?.value
            #expect(value == [UInt8](repeating: 0x30, count: count))
        }
    }

    @Test func longStringsNeedMoreThanTheStack() {
        for (nameLength, valueLength) in [(3, 100_000), (100_000, 3), (400, 400), (50_000, 70_000)] {
            var encoder = HPACKEncoder()
            let field = HPACKField(
                [UInt8](repeating: 0x61, count: nameLength), [UInt8](repeating: 0x65, count: valueLength))
            let block = encoder.block([field, HPACKField("b", "1"), field])
            #expect(block.count < (nameLength + valueLength) * 2)
            var decoder = HPACKDecoder()
            #expect(decoder.verdict(block).verdict == HPACKVerdict(fields: [field, HPACKField("b", "1"), field]))
        }
    }
}
