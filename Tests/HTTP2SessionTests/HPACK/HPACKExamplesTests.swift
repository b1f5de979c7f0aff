// rtbridge: the examples of RFC 7541 Appendix C.
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HTTP2Session

struct HPACKExamplesTests {
    /// A field representation and what it means (RFC 7541 §C.2).
    struct Representation: CustomTestStringConvertible {
        let section: String
        let block: String
        let field: HPACKField
        let known: Int
        var testDescription: String { section }
    }

    @Test(arguments: [
        Representation(
            section: "C.2.1", block: "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
            field: HPACKField("custom-key", "custom-header"), known: 0),
        Representation(
            section: "C.2.2", block: "040c 2f73 616d 706c 652f 7061 7468", field: HPACKField(":path", "/sample/path"),
            known: 4),
        Representation(
            section: "C.2.3", block: "1008 7061 7373 776f 7264 0673 6563 7265 74",
            field: HPACKField("password", "secret"), known: 0),
        Representation(section: "C.2.4", block: "82", field: HPACKField(":method", "GET"), known: 2),
    ])
    func representationsAreDecoded(_ example: Representation) {
        var decoder = HPACKDecoder()
        let (verdict, known) = decoder.verdict(bytes(example.block))
        #expect(verdict == HPACKVerdict(fields: [example.field]))
        #expect(known == [example.known])
        // Whether the field is in the table now: with incremental indexing alone.
        #expect(decoder.verdict([0xBE]).verdict.error == (example.section == "C.2.1" ? nil : .indexBeyondTable))
    }

    private static let requests: [[HPACKField]] = [
        .init([":method": "GET", ":scheme": "http", ":path": "/", ":authority": "www.example.com"]),
        .init([
            ":method": "GET", ":scheme": "http", ":path": "/", ":authority": "www.example.com",
            "cache-control": "no-cache",
        ]),
        .init([
            ":method": "GET", ":scheme": "https", ":path": "/index.html", ":authority": "www.example.com",
            "custom-key": "custom-value",
        ]),
    ]

    private static let responses: [[HPACKField]] = [
        .init([
            ":status": "302", "cache-control": "private", "date": "Mon, 21 Oct 2013 20:13:21 GMT",
            "location": "https://www.example.com",
        ]),
        .init([
            ":status": "307", "cache-control": "private", "date": "Mon, 21 Oct 2013 20:13:21 GMT",
            "location": "https://www.example.com",
        ]),
        .init([
            ":status": "200", "cache-control": "private", "date": "Mon, 21 Oct 2013 20:13:22 GMT",
            "location": "https://www.example.com", "content-encoding": "gzip",
            "set-cookie": "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
        ]),
    ]

    private static let huffmanRequests = [
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff", "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ]

    @Test func requestsWithoutHuffmanAreDecoded() {
        var decoder = HPACKDecoder()
        let blocks = [
            "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d", "8286 84be 5808 6e6f 2d63 6163 6865",
            "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
        ]
        for (block, fields) in zip(blocks, Self.requests) {
            #expect(decoder.verdict(bytes(block)).verdict == HPACKVerdict(fields: fields))
        }
    }

    @Test func requestsWithHuffmanAreDecoded() {
        var decoder = HPACKDecoder()
        for (block, fields) in zip(Self.huffmanRequests, Self.requests) {
            #expect(decoder.verdict(bytes(block)).verdict == HPACKVerdict(fields: fields))
        }
    }

    /// RFC 7541 §C.4, byte for byte: these examples index as this encoder does.
    @Test func requestsWithHuffmanAreEncoded() {
        var encoder = HPACKEncoder()
        for (block, fields) in zip(Self.huffmanRequests, Self.requests) {
            #expect(encoder.block(fields) == bytes(block))
        }
    }

    /// RFC 7541 §C.5: "The value of the HTTP/2 setting parameter SETTINGS_HEADER_TABLE_SIZE is set to the value of 256 octets,
    /// causing some evictions to occur."
    @Test func responsesWithoutHuffmanAreDecoded() {
        var decoder = HPACKDecoder(tableLimit: 256)
        let blocks = [
            """
            3fe1 01
            4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120
            474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d
            """,
            "4803 3330 37c1 c0bf",
            """
            88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738
            666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33
            3630 303b 2076 6572 7369 6f6e 3d31
            """,
        ]
        expectResponses(&decoder, blocks)
    }

    /// RFC 7541 §C.6.
    @Test func responsesWithHuffmanAreDecoded() {
        var decoder = HPACKDecoder(tableLimit: 256)
        let blocks = [
            """
            3fe1 01
            4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718
            63c7 8f0b 97c8 e9ae 82ae 43d3
            """,
            "4883 640e ffc1 c0bf",
            """
            88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7
            b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07
            """,
        ]
        expectResponses(&decoder, blocks)
    }

    private func expectResponses(_ decoder: inout HPACKDecoder, _ blocks: [String]) {
        for (block, fields) in zip(blocks, Self.responses) {
            #expect(decoder.verdict(bytes(block)).verdict == HPACKVerdict(fields: fields))
        }
        // The table of §C.5.3 and §C.6.3: three entries are left of the seven.
        let left = decoder.verdict([0xBE, 0xBF, 0xC0, 0xC1]).verdict
        #expect(
            left
                == HPACKVerdict(
                    fields: [Self.responses[2][5], Self.responses[2][4], Self.responses[2][2]],
                    error: .indexBeyondTable))
    }
}
