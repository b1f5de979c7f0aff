// rtbridge: tests of lists in fields.
// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import BridgeWire

@Suite struct FieldTokensTests {
    private func elements(_ values: String...) -> [String] {
        var fields = FieldBlock(["other": "no"])
        for value in values { fields.append("list", value) }
        return FieldTokens.elements(fields, "list")
    }

    @Test func listsAreDividedAtCommasOutsideQuotes() {
        // RFC 9110 §5.6.1 and §5.6.4.
        #expect(elements("a, b ,\tc") == ["a", "b", "c"])
        #expect(elements(",, a,,b,") == ["a", "b"])
        #expect(elements("a", "b") == ["a", "b"])
        #expect(elements("a; x=\"1,2\", b") == ["a; x=\"1,2\"", "b"])
        #expect(elements("a; x=\"\\\",\", b") == ["a; x=\"\\\",\"", "b"])
        #expect(elements("\"open, b") == ["\"open, b"])
        #expect(elements("\"a\\") == ["\"a\\"])
        #expect(elements("", " ") == [])
    }

    @Test func tokensAreComparedWhole() {
        let fields = FieldBlock(["list": "alpha, Beta"])
        #expect(FieldTokens.contains(fields, "list", token: "beta"))
        #expect(!FieldTokens.contains(fields, "list", token: "bet"))
        #expect(!FieldTokens.contains(fields, "list", token: "betas"))
        #expect(!FieldTokens.contains(fields, "other", token: "beta"))
    }

    @Test func tokenCharactersAreThoseOfTheRFC() {
        // RFC 9110 §5.6.2.
        let allowed = Set("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
        for byte in UInt8.min...UInt8.max {
            #expect(FieldTokens.isTokenCharacter(byte) == allowed.contains(byte), "\(byte)")
        }
        #expect(!FieldTokens.isToken([]))
    }

    @Test func randomFieldsNeverTrap() {
        let seed: UInt64 = 9110
        var random = SeededRandom(seed: seed)
        let characters = Array("a,;=\"\\ \tb".utf8)
        for round in 0..<rounds(30_000) {
            let value = (0..<Int.random(in: 0...15, using: &random)).map { _ in
                characters.randomElement(using: &random)!
            }
            var fields = FieldBlock()
            fields.append("list", value)
            let elements = FieldTokens.elements(fields, "list")
            if elements.contains(where: { $0.isEmpty || $0.first == " " || $0.last == "\t" }) {
                Issue.record("seed \(seed), round \(round): \(value) became \(elements)")
            }
            for element in elements { _ = WebSocketExtensionOffer(element) }
        }
    }
}
