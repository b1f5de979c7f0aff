// rtbridge: tests of the percent-encoding of grpc-message.
// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import BridgeWire

@Suite struct GRPCMessageTextTests {
    @Test(arguments: [
        ("", ""), ("plain ~ text!", "plain ~ text!"), ("100%", "100%25"), ("a\r\nb\0", "a%0D%0Ab%00"), ("ü", "%C3%BC"),
        ("😀", "%F0%9F%98%80"), ("\u{7F}", "%7F"),
    ])
    func textsAreEncodedAndDecoded(text: String, value: String) {
        // gRPC doc/PROTOCOL-HTTP2.md, "Responses".
        #expect(GRPCMessageText.encode(text) == value)
        #expect(GRPCMessageText.decode(value.utf8) == text)
    }

    @Test(arguments: [
        ("%c3%bC", "ü"), ("%", "%"), ("%4", "%4"), ("%zz", "%zz"), ("100%!", "100%!"), ("%ff", "\u{FFFD}"),
        ("a%%41", "a%A"),
    ])
    func invalidValuesAreDecodedAsFarAsTheyGo(value: String, text: String) {
        #expect(GRPCMessageText.decode(value.utf8) == text)
    }

    @Test(arguments: [
        ("", ""), ("plain ~ text", "plain ~ text"), ("%C3%bc kept", "%C3%bc kept"), ("%0D%0A", "%0D%0A"),
        ("%zz", "%25zz"), ("%", "%25"), ("50%", "50%25"), ("%4", "%254"), ("%%41", "%25%41"), ("%E2%8", "%25E2%258"),
        ("ü", "%C3%BC"), ("a\r\nb\0", "a%0D%0Ab%00"), ("%FF", "%25FF"), ("%C3", "%25C3"), ("%C3x", "%25C3x"),
        ("%ED%A0%80", "%25ED%25A0%2580"), ("%C0%AF", "%25C0%25AF"), ("%F0%9F%98%80", "%F0%9F%98%80"),
    ])
    func valuesAreMadeDecodable(value: String, expected: String) {
        #expect(String(decoding: GRPCMessageText.sanitise(value.utf8), as: UTF8.self) == expected)
    }

    @Test func rawBytesThatAreNotUTF8AreReplaced() {
        #expect(GRPCMessageText.sanitise([0x61, 0xFF, 0x62]) == Array("a%EF%BF%BDb".utf8))
        // A character half raw and half escaped is a character.
        #expect(GRPCMessageText.sanitise([0xC3] + Array("%BC".utf8)) == Array("%C3%BC".utf8))
        #expect(GRPCMessageText.sanitise(Array("%C3".utf8) + [0xBC]) == Array("%C3%BC".utf8))
    }

    /// As JavaScript's `decodeURIComponent`: `nil` where it throws.
    private func decodeURIComponent(_ value: [UInt8]) -> String? {
        var bytes: [UInt8] = []
        var rest = value[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = String(decoding: rest.prefix(2), as: UTF8.self)
            guard digits.utf8.count == 2, digits.allSatisfy(\.isHexDigit), let escaped = UInt8(digits, radix: 16) else {
                return nil
            }
            bytes.append(escaped)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }

    @Test func whateverComesIsDecodableAndPrintableAndStaysSo() {
        let seed: UInt64 = 16
        var random = SeededRandom(seed: seed)
        let scraps = ["%", "%C3", "%BC", "%zz", "%E2%82%AC", "%F0", "%9F", "text", "ü", "\r\n", "4", "%00"].map {
            Array($0.utf8)
        }
        for round in 0..<rounds(30_000) {
            var value: [UInt8] = []
            for _ in 0..<Int.random(in: 0...6, using: &random) {
                value += Bool.random(using: &random) ? scraps.randomElement(using: &random)! : random.bytes(1)
            }
            let sound = GRPCMessageText.sanitise(value)
            let isSound = sound.allSatisfy { (0x20...0x7E).contains($0) } && decodeURIComponent(sound) != nil
            if !isSound || GRPCMessageText.sanitise(sound) != sound {
                Issue.record("seed \(seed), round \(round): \(value) became \(String(decoding: sound, as: UTF8.self))")
                return
            }
            let text = String(decoding: value, as: UTF8.self)
            if GRPCMessageText.decode(GRPCMessageText.encode(text).utf8) != text {
                Issue.record("seed \(seed), round \(round): \(text) does not come back")
                return
            }
        }
    }
}
