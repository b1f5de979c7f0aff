// rtbridge: tests of field blocks.
// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import BridgeWire

@Suite struct FieldBlockTests {
    @Test func namesBecomeLowerCaseAndValuesStay() {
        // RFC 9113 §8.2: "Field names MUST be converted to lowercase when constructing an HTTP/2 message."
        var block = FieldBlock()
        let name: String = "X-Mixed@[`{Case"
        block.append(name, "Some Value" as String)
        #expect(block.pairs.map(\.name) == ["x-mixed@[`{case"])
        #expect(block.string("x-mixed@[`{case") == "Some Value")
    }

    @Test func repeatedFieldsKeepTheirOrder() {
        let block: FieldBlock = FieldBlock(["a": "1", "b": "2", "a": "3", "b": ""])
        #expect(block.pairs.map { "\($0.name)=\($0.value)" } == ["a=1", "b=2", "a=3", "b="])
        #expect(block.string("a") == "1")
        #expect(block.count == 4)
    }

    @Test func valuesAreKeptByteForByte() {
        var block = FieldBlock()
        let value: [UInt8] = [0x20, 0xFF, 0x00, 0x0D, 0x41]
        block.append("x", value)
        #expect(block.first("x").map(Array.init) == value)
        #expect(block.string("x") == " \u{FFFD}\0\rA")
    }

    @Test func aNameIsFoundByAllItsBytesAlone() {
        let block = FieldBlock(["grpc-status": "0", "": "nothing"])
        #expect(block.contains("grpc-status"))
        #expect(!block.contains("grpc-statu"))
        #expect(!block.contains("grpc-statuz"))
        #expect(block.string("") == "nothing")
        #expect(FieldBlock().first("") == nil)
        #expect(FieldBlock(["": ""]).string("") == "")
    }

    @Test func listSizeCountsThirtyTwoBytesAField() {
        // RFC 9113 §6.5.2.
        #expect(FieldBlock(["ab": "cde", "f": ""]).listSize == 6 + 64)
    }

    @Test func blocksAreEqualByFieldsAndNotByBytesAlone() {
        #expect(FieldBlock(["ab": "c"]) != FieldBlock(["a": "bc"]))
        #expect(FieldBlock(["ab": "c"]) != FieldBlock(["ab": "c", "": ""]))
        #expect(FieldBlock(["ab": "c"]) == FieldBlock(["AB": "c"]))
    }

    @Test func appendingABlockAppendsItsFields() {
        var block = FieldBlock(["a": "1"])
        block.append(FieldBlock(["b": "2", "c": "3"]))
        #expect(block == FieldBlock(["a": "1", "b": "2", "c": "3"]))
        #expect(block.description == "a: 1\nb: 2\nc: 3")
    }

    @Test func prefixesAreComparedByBytes() {
        let matches = [("grpc-web", true), ("grpc", true), ("grp", false), ("", false), ("grpx-web", false)].map {
            (text, expected) in
            Array(text.utf8).withUnsafeBytes { FieldBytes.hasPrefix($0, "grpc") } == expected
        }
        #expect(matches == [true, true, true, true, true])
    }
}
