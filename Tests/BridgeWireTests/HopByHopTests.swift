// rtbridge: tests of hop-by-hop fields.
// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import BridgeWire

@Suite struct HopByHopTests {
    private func copy(_ fields: FieldBlock, except names: [StaticString] = []) -> FieldBlock {
        var target = FieldBlock()
        HopByHop.copy(from: fields, into: &target, except: FieldNames(names))
        return target
    }

    @Test func fieldsOfTheHopAreLeftOut() {
        // RFC 9110 §7.6.1, RFC 9113 §8.2.2.
        let fields = FieldBlock([
            ":path": "/", "a": "1", "connection": "close", "keep-alive": "timeout=5", "proxy-connection": "keep-alive",
            "transfer-encoding": "chunked", "upgrade": "h2c", "te": "trailers", "trailer": "x", "trailers": "x",
            "b": "2",
        ])
        #expect(copy(fields) == FieldBlock(["a": "1", "b": "2"]))
    }

    @Test func similarFieldsStay() {
        let fields = FieldBlock([
            "tf": "1", "upgrades": "1", "upgrad": "1", "trailes": "1", "connectiom": "1", "keep-alivf": "1",
            "proxy-connectiom": "1", "transfer-encodinh": "1", "traileq": "1", "trailert": "1", "upgradf": "1",
        ])
        #expect(copy(fields) == fields)
    }

    @Test func whatConnectionNamesIsLeftOut() {
        let fields = FieldBlock([
            "x-a": "1", "x-b": "2", "x-c": "3", "connection": "keep-alive, X-B", "x-a": "4",
            "connection": "\tx-a ,,close",
            "close": "stays",
        ])
        #expect(copy(fields) == FieldBlock(["x-c": "3", "close": "stays"]))
    }

    @Test func otherFieldsMayBeExcepted() {
        let fields = FieldBlock(["host": "a", "content-length": "3", "x": "1", "hosts": "b"])
        #expect(copy(fields, except: ["host", "content-length"]) == FieldBlock(["x": "1", "hosts": "b"]))
    }

    @Test func whatTheTargetHoldsStaysBefore() {
        var target = FieldBlock([":method": "POST"])
        HopByHop.copy(from: FieldBlock(["a": "1", "a": "2"]), into: &target)
        #expect(target == FieldBlock([":method": "POST", "a": "1", "a": "2"]))
    }

    @Test func valuesAreCopiedByteForByte() {
        var fields = FieldBlock()
        fields.append("x-bin", [0xFF, 0x00, 0x80] as [UInt8])
        fields.append("empty", "")
        #expect(copy(fields) == fields)
    }
}
