// rtbridge: blocks at the bounds of RFC 7541, and beyond them.
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HTTP2Session

struct HPACKDecoderTests {
    struct Broken: CustomTestStringConvertible {
        let what: String
        let block: String
        let error: HPACKError
        var testDescription: String { what }

        init(_ what: String, _ block: String, _ error: HPACKError) {
            (self.what, self.block, self.error) = (what, block, error)
        }
    }

    @Test(arguments: [
        // RFC 7541 §6.1, §2.3.3
        Broken("index 0", "80", .indexZero),
        Broken("index 62 of an empty table", "be", .indexBeyondTable),
        Broken("name 62 of an empty table", "7e 00", .indexBeyondTable),
        Broken("name 62 without indexing", "0f2f 00", .indexBeyondTable),
        Broken("the largest index", "ff80 ffff ff0f", .indexBeyondTable),
        // RFC 7541 §5.1
        Broken("an index above 32 bits", "ff81 ffff ff0f", .integerTooLarge),
        Broken("an index of 64 bits", "ffff ffff ffff ffff ffff 01", .integerTooLarge),
        Broken("zeros without end", "ff80 8080 8080 8080 8080 8080", .integerTooLarge),
        Broken("six octets behind the prefix", "ff80 8080 8080 00", .integerTooLarge),
        Broken("an integer that ends early", "ff80", .truncated),
        Broken("a prefix alone", "ff", .truncated),
        // RFC 7541 §5.2
        Broken("a name without a length", "40", .truncated),
        Broken("a name beyond the block", "4005 6162", .truncated),
        Broken("no value", "4001 61", .truncated),
        Broken("a value beyond the block", "4001 6105 6263", .truncated),
        Broken("the longest value", "4001 617f 80ff ffff 0f", .truncated),
        Broken("padding of 8 bits", "4001 6181 ff", .huffmanPadding),
        Broken("padding of 8 bits behind a code", "4001 6182 1fff", .huffmanPadding),
        Broken("padding of zeros", "4001 6181 18", .huffmanPadding),
        Broken("padding that is no prefix of EOS", "4001 6181 1e", .huffmanPadding),
        Broken("EOS", "4001 6184 ffff ffff", .endOfStringSymbol),
        Broken("EOS behind a code", "4001 6185 1fff ffff ff", .endOfStringSymbol),
        Broken("EOS in a name", "4084 ffff ffff 00", .endOfStringSymbol),
        // RFC 7541 §6.3, §4.2
        Broken("a size above the limit", "3fe2 1f", .sizeUpdateAboveLimit),
        Broken("the largest size", "3fe0 ffff ff0f", .sizeUpdateAboveLimit),
        Broken("a size behind a field", "82 20", .sizeUpdateBehindFields),
        Broken("a size behind sizes and a field", "20 3fe1 1f 82 20", .sizeUpdateBehindFields),
        Broken("a size that ends early", "3f", .truncated),
    ])
    func brokenBlocksAreErrors(_ broken: Broken) {
        var decoder = HPACKDecoder()
        #expect(decoder.verdict(bytes(broken.block)).verdict.error == broken.error)
        #expect(OracleInflater().decode(bytes(broken.block)).isError)
    }

    @Test func blocksThatEndWithinAFieldAreTruncated() {
        let whole = bytes("0f2f 8825 a849 e95b a97d 7f 0f80 02 7fe1 0100")
        let field = bytes("4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf")
        for count in 1..<field.count {
            var decoder = HPACKDecoder()
            #expect(decoder.verdict(Array(field.prefix(count))).verdict == HPACKVerdict(error: .truncated), "\(count)")
        }
        var decoder = HPACKDecoder()
        #expect(decoder.verdict(whole).verdict.error == .indexBeyondTable)
    }

    @Test func emptyBlocksHaveNoFields() {
        var decoder = HPACKDecoder()
        #expect(decoder.verdict([]).verdict == HPACKVerdict())
        #expect(decoder.verdict(bytes("3fe1 1f")).verdict == HPACKVerdict())
        #expect(decoder.verdict(bytes("20 3fe1 1f")).verdict == HPACKVerdict())
    }

    @Test func stringsMayBeEmpty() {
        var decoder = HPACKDecoder()
        #expect(decoder.verdict(bytes("4080 80 4000 00")).verdict.fields == [HPACKField("", ""), HPACKField("", "")])
        #expect(decoder.verdict(bytes("be bf")).verdict.fields == [HPACKField("", ""), HPACKField("", "")])
    }

    @Test func integersMayHaveZerosBehindThem() {
        var decoder = HPACKDecoder()
        // 0x7F + 0 is index 127; five octets are within the limit of §5.1.
        #expect(decoder.verdict(bytes("ff80 8080 8000")).verdict.error == .indexBeyondTable)
    }

    /// RFC 7541 §4.4: "an attempt to add an entry larger than the maximum size causes the table to be emptied of all
    /// existing entries and results in an empty table", which "is not an error".
    @Test func fieldsLargerThanTheTableEmptyIt() {
        var decoder = HPACKDecoder(tableLimit: 64)
        // 64 bytes: 31 and 1 of the field, and 32.
        let name = [UInt8](repeating: 0x61, count: 31)
        let fits = bytes("3f21") + [0x40, 31] + name + [1, 0x62]
        #expect(decoder.verdict(fits + [0xBE]).verdict.fields.count == 2)
        #expect(decoder.verdict([0x40, 31] + name + [2, 0x62, 0x62]).verdict.error == nil)
        #expect(decoder.verdict([0xBE]).verdict.error == .indexBeyondTable)
    }

    /// RFC 7541 §4.4: "A new entry can reference the name of an entry in the dynamic table that will be evicted when adding
    /// this new entry into the dynamic table. Implementations are cautioned to avoid deleting the referenced name".
    @Test func namesOfFieldsThatGoAreKept() {
        for length in 1...60 {
            let name = (0..<length).map { UInt8(0x61 + $0 % 26) }
            var decoder = HPACKDecoder(tableLimit: 100)
            var blocks = bytes("3f45") + [0x40, UInt8(length)] + name + [0]
            let valueLength = min(8, 68 - length)
            for value in 0..<50 as Range<UInt8> {
                blocks += [0x7E, UInt8(valueLength)] + [UInt8](repeating: value, count: valueLength)
            }
            let fields = decoder.verdict(blocks).verdict.fields
            #expect(fields.count == 51)
            #expect(fields.allSatisfy { $0.name == name })
            #expect(decoder.verdict([0xBE]).verdict.fields == [fields.last ?? HPACKField("", "")])
        }
    }

    @Test func smallerTablesLoseTheirOldestFields() {
        var decoder = HPACKDecoder()
        // Three fields of 34 bytes.
        #expect(decoder.verdict(bytes("4001 6101 31 4001 6201 32 4001 6301 33")).verdict.error == nil)
        #expect(
            decoder.verdict(bytes("3f25 be bf c0")).verdict
                == HPACKVerdict(fields: [HPACKField("c", "3"), HPACKField("b", "2")], error: .indexBeyondTable))
        #expect(decoder.verdict(bytes("20 3fe1 1f be")).verdict.error == .indexBeyondTable)
        #expect(decoder.verdict(bytes("4001 6101 31 be")).verdict.fields.count == 2)
    }

    @Test func knownIsTheFirstStaticIndexOfTheName() {
        var decoder = HPACKDecoder()
        // :method POST; :status 404; accept-encoding; the names cookie and a literal "te", indexed; both of them as a whole, and
        // then by their names: indexed twice, and without indexing.
        let (_, known) = decoder.verdict(bytes("83 8d 90 6001 78 4002 7465 0161 be bf 7e00 7f00 00 0f30 00"))
        #expect(known == [2, 8, 16, 32, 0, 0, 32, 0, 0, 0])
    }

    @Test func staticTableIsThatOfTheOracle() {
        for index in 1...61 as ClosedRange<UInt8> {
            var decoder = HPACKDecoder()
            let (verdict, known) = decoder.verdict([0x80 | index])
            #expect(verdict.fields == OracleInflater().decode([0x80 | index]).fields)
            #expect(verdict.fields.count == 1)
            let name = verdict.fields[0].name
            let firstOfName = (1...index).first { decoder.verdict([0x80 | $0]).verdict.fields[0].name == name }
            #expect(known == [Int(firstOfName ?? 0)])
        }
    }
}
