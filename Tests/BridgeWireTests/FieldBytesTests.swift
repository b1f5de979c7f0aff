// rtbridge: what is done with the raw bytes of fields, eight at a time.
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import BridgeWire

struct FieldBytesTests {
    /// RFC 9110 §5.1: names know no case; every other byte of a name stays as it is.
    @Test func lettersOfNamesAndNothingElseBecomeLowerCase() {
        let name = "!#$%&'*+-.0123456789@ABCXYZ[^_`abcxyz|~\u{e9}"
        for count in 0...name.utf8.count {
            let bytes = Array(name.utf8.prefix(count))
            var lower = [UInt8](repeating: 0, count: count)
            bytes.withUnsafeBytes { bytes in
                lower.withUnsafeMutableBytes {
                    FieldBytes.copyLowercased(bytes, to: $0.baseAddress ?? .init(bitPattern: 8)!)
                }
            }
            #expect(lower == bytes.map { 0x41...0x5A ~= $0 ? $0 + 0x20 : $0 })
        }
    }

    /// RFC 9110 §5.5: CR, LF and NUL are what a value must not have; whoever asks looks closer.
    @Test func lineEndsAreFoundWhereverTheyStand() {
        for count in 0..<20 {
            let clean = [UInt8](repeating: 0xFF, count: count / 2) + [UInt8](repeating: 0x20, count: count - count / 2)
            #expect(!clean.withUnsafeBytes(FieldBytes.mayHaveLineEnd))
            for index in 0..<count {
                for byte: UInt8 in [0, 0x0A, 0x0D] {
                    var bytes = clean
                    bytes[index] = byte
                    #expect(bytes.withUnsafeBytes(FieldBytes.mayHaveLineEnd))
                }
            }
        }
    }

    @Test func equalBytesAreEqualAndOneThatDiffersIsSeenWhereverItStands() {
        for count in 0...33 {
            let name = (0..<UInt8(count)).map { $0 &+ 0x61 }
            var bytes = name
            #expect(FieldBytes.areEqual(bytes, name, count))
            for index in 0..<count {
                bytes[index] ^= 0x80
                #expect(!FieldBytes.areEqual(bytes, name, count), "byte \(index) of \(count)")
                bytes[index] ^= 0x80
            }
            // What stands behind is not looked at.
            #expect(FieldBytes.areEqual(bytes + [1], name + [2], count))
        }
    }
}
