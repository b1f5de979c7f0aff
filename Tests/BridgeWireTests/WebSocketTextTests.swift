// rtbridge: tests of UTF-8 in WebSocket messages, with the Autobahn suite's group 6.
// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import BridgeWire

@Suite struct WebSocketTextTests {
    /// Autobahn 6.2, 6.5–6.11, 6.22: sequences that are UTF-8, boundaries among them.
    static let valid = [
        "", "48656c6c6f", "cebae1bdb9cf83cebcceb5", "48656c6c6f2dc2b540c39fc3b6c3a4c3bcc3a0c3a12d5554462d382121",
        "00", "7f", "c280", "dfbf", "e0a080", "efbfbf", "efbfbd", "f0908080", "f48fbfbf", "ed9fbf", "ee8080",
        "efb790", "efbfbe", "f09fbfbe", "f09fbfbf", "f3bfbfbf", "e2889a", "f09f9880",
    ]

    /// Autobahn 6.3, 6.6 (cut sequences), 6.12–6.21: sequences that are not UTF-8, with the bytes that may still pass.
    static let invalid: [(bytes: String, possible: Int)] = [
        ("cebae1bdb9cf83cebcceb5eda080656469746564", 12),  // A surrogate among text.
        ("80", 0), ("bf", 0), ("8080", 0), ("80bf80bf", 0),  // Continuations of nothing.
        ("c0af", 0), ("c1bf", 0), ("e080af", 1), ("e09fbf", 1), ("f08080af", 1), ("f08fbfbf", 1),  // Overlong.
        ("f8808080af", 0), ("fc80808080af", 0), ("fe", 0), ("ff", 0), ("f888808080", 0),
        ("eda080", 1), ("edafbf", 1), ("edb080", 1), ("edbfbf", 1), ("eda080edb080", 1),  // Surrogates.
        ("f4908080", 1), ("f5808080", 0), ("f7bfbfbf", 0),  // Above U+10FFFF.
        ("c220", 1), ("e0a020", 2), ("e1bd20", 2), ("f0908020", 3), ("c2c2", 1), ("f09080c2", 3),  // Broken off.
    ]

    /// Sequences that lack their end.
    static let incomplete = [
        "c2", "e0", "e0a0", "e1", "e1bd", "ef", "efbf", "f0", "f090", "f09080", "f48fbf", "616263c3",
    ]

    @Test(arguments: Cut.all)
    func validTextPassesWholeAndFragmented(cut: Cut) {
        for text in Self.valid {
            let bytes = text.hex
            #expect(Conversation.feed(RawFrame(0x81, bytes), cut: cut).items == [.text(bytes)], "\(text), \(cut)")
            let fragments = [RawFrame(0x01)] + bytes.map { RawFrame(0x00, [$0]) } + [RawFrame(0x80)]
            let conversation = Conversation.feed(cut.pieces(of: fragments.flatMap(\.bytes)))
            #expect(conversation.items == [.text(bytes)], "6.2.3, \(text), \(cut)")
        }
    }

    @Test(arguments: Cut.all)
    func invalidTextIsRefusedWholeAndFragmented(cut: Cut) {
        for (text, _) in Self.invalid {
            #expect(Conversation.feed(RawFrame(0x81, text.hex), cut: cut).violation == .textNotUTF8, "\(text), \(cut)")
            let fragments = [RawFrame(0x01)] + text.hex.map { RawFrame(0x00, [$0]) } + [RawFrame(0x80)]
            let conversation = Conversation.feed(cut.pieces(of: fragments.flatMap(\.bytes)))
            #expect(conversation.closeCode == 1007, "6.3.2, \(text), \(cut)")
        }
    }

    @Test func theFirstImpossibleByteFails() throws {
        // RFC 6455 §8.1, and Autobahn 6.4: "fail fast", in the middle of a frame that goes on.
        for (text, possible) in Self.invalid {
            let frame = RawFrame(0x01, text.hex + [UInt8](repeating: 0x61, count: 20)).bytes
            var decoder = WebSocketDecoder(role: .server, maxMessageBytes: 1000)
            decoder.append(ByteBuffer(bytes: frame[..<(6 + possible)]))
            while try decoder.next() != nil {}
            decoder.append(ByteBuffer(bytes: frame[(6 + possible)...(6 + possible)]))
            #expect(throws: WebSocketViolation.textNotUTF8, "\(text)") { while try decoder.next() != nil {} }
        }
    }

    @Test(arguments: Cut.all)
    func aMessageMustNotEndInsideACharacter(cut: Cut) {
        for text in Self.incomplete {
            #expect(Conversation.feed(RawFrame(0x81, text.hex), cut: cut).violation == .textNotUTF8, "\(text), \(cut)")
            let fragmented = Conversation.feed(RawFrame(0x01, text.hex), RawFrame(0x80), cut: cut)
            #expect(fragmented.violation == .textNotUTF8, "\(text), \(cut)")
        }
    }

    @Test func aCharacterMayBeDividedAmongFragmentsAndPings() {
        let conversation = Conversation.feed(
            RawFrame(0x01, [0xF0, 0x9F]), RawFrame(0x89, [0xFF]), RawFrame(0x00), RawFrame(0x80, [0x98, 0x80]))
        #expect(conversation.items == [.ping([0xFF]), .text(Array("😀".utf8))])
    }

    @Test func whatOneMessageLeftOpenDoesNotTouchTheNext() {
        let conversation = Conversation.feed(
            RawFrame(0x82, [0xC3]), RawFrame(0x81, "ok"), RawFrame(0x82, [0xA9, 0xFF]))
        #expect(conversation.items == [.binary([0xC3]), .text(Array("ok".utf8)), .binary([0xA9, 0xFF])])
    }

    @Test func emptyTextsAreTexts() {
        // Autobahn 6.1.
        #expect(Conversation.feed(RawFrame(0x81)).items == [.text([])])
        #expect(Conversation.feed(RawFrame(0x01), RawFrame(0x00), RawFrame(0x80)).items == [.text([])])
        let middle = Conversation.feed(RawFrame(0x01), RawFrame(0x00, "middle frame payload"), RawFrame(0x80))
        #expect(middle.items == [.text(Array("middle frame payload".utf8))])
    }

    @Test func everyFirstAndSecondByteIsJudgedAsTheStandardLibraryDoes() {
        for first in UInt8.min...UInt8.max {
            for second in UInt8.min...UInt8.max {
                for rest in [[], [0x80], [0x80, 0x80], [0x61]] as [[UInt8]] {
                    let bytes = [first, second] + rest
                    let expected = String(validating: bytes, as: UTF8.self) != nil
                    if bytes.withUnsafeBytes(UTF8Checker.isValid) != expected {
                        Issue.record("\(bytes) is \(expected ? "" : "not ")UTF-8")
                    }
                }
            }
        }
    }

    @Test func randomTextIsJudgedAsTheStandardLibraryDoesWhereverItIsCut() {
        let seed: UInt64 = 0x55_54_46_38
        var random = SeededRandom(seed: seed)
        let scraps =
            (Self.valid + Self.invalid.map(\.bytes) + Self.incomplete).map(\.hex) + [Array("plain ASCII text".utf8)]
        for round in 0..<rounds(40_000) {
            var bytes: [UInt8] = []
            // Mostly sound scraps, so that whole texts are often valid.
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let isAny = Int.random(in: 0..<12, using: &random) == 0
                bytes += isAny ? scraps.randomElement(using: &random)! : Self.valid.randomElement(using: &random)!.hex
            }
            var checker = UTF8Checker()
            var isValid = true
            for piece in Cut.random(seed: random.next()).pieces(of: bytes) where isValid {
                isValid = piece.withUnsafeBytes { checker.check($0) }
            }
            let expected = String(validating: bytes, as: UTF8.self) != nil
            if (isValid && checker.isAtBoundary) != expected {
                Issue.record("seed \(seed), round \(round): \(bytes) is \(expected ? "" : "not ")UTF-8")
                return
            }
        }
    }
}
