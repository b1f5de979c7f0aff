// rtbridge: what the encoder writes.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import NIOCore
import Testing

@testable import HTTP2Session

struct HPACKEncoderTests {
    /// A field, and the block that it is twice in a row.
    struct Policy: CustomTestStringConvertible {
        let field: HPACKField
        let first: String
        let second: String
        var testDescription: String { field.description }

        init(_ name: String, _ value: String, _ first: String, _ second: String? = nil) {
            field = HPACKField(name, value)
            self.first = first
            self.second = second ?? first
        }
    }

    @Test(arguments: [
        // The static table alone.
        Policy(":method", "GET", "82"), Policy(":method", "POST", "83"), Policy(":path", "/", "84"),
        Policy(":path", "/index.html", "85"), Policy(":scheme", "http", "86"), Policy(":scheme", "https", "87"),
        Policy(":status", "200", "88"), Policy(":status", "204", "89"), Policy(":status", "500", "8e"),
        Policy("accept-encoding", "gzip, deflate", "90"), Policy("date", "", "a1"),
        // With incremental indexing: the second time as index 62.
        Policy(":method", "PUT", "4203 505554", "be"), Policy(":status", "302", "4882 6402", "be"),
        Policy("custom-key", "custom-value", "4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf", "be"),
        Policy("grpc-message", "", "4089 9aca c8b5 2542 0731 7f 00", "be"),
        // Without indexing (0000).
        Policy(":path", "/a", "0402 2f61"), Policy("age", "7", "0f06 0137"),
        Policy("content-length", "12", "0f0d 0231 32"),
        Policy("etag", "x", "0f13 0178"), Policy("if-modified-since", "x", "0f19 0178"),
        Policy("if-none-match", "x", "0f1a 0178"), Policy("location", "/", "0f1f 012f"),
        Policy("set-cookie", "a=b", "0f28 0361 3d62"),
        Policy("grpc-timeout", "1S", "000c 6772 7063 2d74 696d 656f 7574 0231 53"),
        Policy("grpc-message", "no", "000c 6772 7063 2d6d 6573 7361 6765 026e 6f"),
        // Never indexed (0001).
        Policy("authorization", "x", "1f08 0178"), Policy("authorization", "", "1f08 00"),
        Policy("proxy-authorization", "x", "1f22 0178"),
        Policy("cookie", "a=1234567890123456", "1f11 12613d31323334353637383930313233343536"),
    ])
    func fieldsAreRepresentedByPolicy(_ policy: Policy) {
        var encoder = HPACKEncoder()
        #expect(encoder.block([policy.field]) == bytes(policy.first))
        #expect(encoder.block([policy.field]) == bytes(policy.second))
        let oracle = OracleInflater()
        #expect(oracle.decode(bytes(policy.first)).fields == [policy.field])
        #expect(oracle.decode(bytes(policy.second)).fields == [policy.field])
    }

    @Test func longCookiesAreIndexed() {
        var encoder = HPACKEncoder()
        let field = HPACKField("cookie", "12345678901234567890")
        #expect(encoder.block([field]).first == 0x60)
        #expect(encoder.block([field]) == [0xBE])
    }

    /// RFC 7541 §4.1: 32 bytes a field on top; three quarters of 4,096 bytes are 3,072.
    @Test func fieldsLargerThanThreeQuartersOfTheTableAreNotIndexed() {
        for (length, isIndexed) in [(3072 - 33, true), (3072 - 32, false)] {
            var encoder = HPACKEncoder()
            let field = HPACKField([0x61], [UInt8](repeating: 0x21, count: length))
            _ = encoder.block([field])
            #expect((encoder.block([field]) == [0xBE]) == isIndexed)
        }
    }

    @Test func namesOfTheDynamicTableAreUsed() {
        var encoder = HPACKEncoder()
        #expect(encoder.block(.init(["x-a": "!", "x-b": "!"])).count == 14)
        #expect(encoder.block(.init(["x-a": "?"])) == bytes("7f00 01 3f"))
        #expect(encoder.block(.init(["x-a": "?", "x-a": "!", "x-b": "!"])) == bytes("be c0 bf"))
    }

    @Test func schemeIsReplaced() {
        var encoder = HPACKEncoder()
        let fields = [HPACKField](([":method": "POST", ":scheme": "http", "x": "http"]))
        #expect(encoder.block(fields, scheme: "https").prefix(2) == [0x83, 0x87])
        #expect(encoder.block(fields) == bytes("83 86 be"))
        #expect(encoder.block([HPACKField(":scheme", "https")], scheme: "http") == [0x86])
        // A scheme that the static table does not have.
        let coap = encoder.block([HPACKField(":scheme", "x")], scheme: "coap+ws-and-more")
        #expect(OracleInflater().decode(coap).fields == [HPACKField(":scheme", "coap+ws-and-more")])
    }

    @Test func blocksAreAppended() {
        var encoder = HPACKEncoder()
        var output = ByteBuffer(bytes: [1, 2, 3])
        encoder.encode([HPACKField(":method", "GET")].block, scheme: nil, into: &output)
        encoder.encode(FieldBlock(), scheme: nil, into: &output)
        #expect(Array(output.readableBytesView) == [1, 2, 3, 0x82])
    }

    /// RFC 7541 §4.2, sizes that the peer sets one after the other, and the updates at the beginning of the next block.
    @Test(
        arguments: [
            ([4096], ""), ([100_000], ""), ([100], "3f45"), ([0], "20"), ([0, 4096], "20 3fe11f"),
            ([100, 0, 200], "20 3fa901"),
            ([100, 200, 4096], "3f45 3fe11f"), ([5000, 4096], ""), ([30], "3e"), ([31], "3f00"),
        ] as [([UInt32], String)])
    func sizesOfThePeerAreFollowed(_ sizes: [UInt32], _ updates: String) {
        var encoder = HPACKEncoder()
        for size in sizes { encoder.setPeerTableLimit(size) }
        #expect(encoder.block([HPACKField(":method", "GET")]) == bytes(updates) + [0x82])
        #expect(encoder.block([HPACKField(":method", "GET")]) == [0x82])
    }

    @Test func ownLimitIsSignalledFirst() {
        var small = HPACKEncoder(tableLimit: 100)
        #expect(small.block([]) == bytes("3f45"))
        small.setPeerTableLimit(50)
        small.setPeerTableLimit(4096)
        #expect(small.block([]) == bytes("3f13 3f45"))
        var large = HPACKEncoder(tableLimit: 10_000)
        #expect(large.block([]) == [])
        large.setPeerTableLimit(8192)
        #expect(large.block([]) == bytes("3fe13f"))
        large.setPeerTableLimit(20_000)
        #expect(large.block([]) == bytes("3ff14d"))
    }

    @Test func integersAreWrittenAsInTheRFC() {
        // RFC 7541 §C.1.
        let examples: [(Int, UInt8, String)] = [
            (10, 0x1F, "0a"), (1337, 0x1F, "1f9a0a"), (42, 0xFF, "2a"), (31, 0x1F, "1f00"),
            (Int(UInt32.max), 0x7F, "7f80ffffff0f"),
        ]
        for (value, mask, expected) in examples {
            var room = [UInt8](repeating: 0, count: HPACKWriter.integerBytes)
            let count = room.withUnsafeMutableBytes { room in
                var writer = HPACKWriter(position: room.baseAddress!)
                writer.integer(value, mask, 0)
                return writer.position - UnsafeMutableRawPointer(room.baseAddress!)
            }
            #expect(Array(room.prefix(count)) == bytes(expected))
        }
    }
}
