// rtbridge: tests of base64 in pieces.
// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import BridgeWire

@Suite struct Base64Tests {
    /// RFC 4648 §10.
    static let vectors = [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ]

    private func encode(_ bytes: [UInt8]) -> String {
        var buffer = ByteBuffer()
        bytes.withUnsafeBytes { Base64Encoder.write($0, into: &buffer) }
        return String(buffer: buffer)
    }

    /// What the pieces stand for; `nil` if they are refused or end inside a group.
    private func decode(_ pieces: [[UInt8]]) -> [UInt8]? {
        var decoder = Base64Decoder()
        var buffer = ByteBuffer()
        do throws(Base64Decoder.Invalid) {
            for piece in pieces {
                try ByteBuffer(bytes: piece).withUnsafeReadableBytes { (bytes) throws(Base64Decoder.Invalid) in
                    try decoder.write(bytes, into: &buffer)
                }
            }
        } catch {
            return nil
        }
        return decoder.isAtBoundary ? buffer.array : nil
    }

    @Test(arguments: vectors)
    func theVectorsOfTheRFCAreWritten(text: String, base64: String) {
        #expect(encode(Array(text.utf8)) == base64)
        #expect(Array(text.utf8).withUnsafeBytes(Base64Encoder.string) == base64)
        #expect(Base64Encoder.encodedLength(text.utf8.count) == base64.utf8.count)
    }

    @Test(arguments: vectors, Cut.all)
    func theVectorsOfTheRFCAreReadWhereverTheyAreCut(vector: (String, String), cut: Cut) {
        #expect(decode(cut.pieces(of: Array(vector.1.utf8))) == Array(vector.0.utf8), "\(cut)")
    }

    @Test(arguments: Cut.all)
    func paddingMayStandAnywhereWithMoreGroupsAfterIt(cut: Cut) {
        // gRPC PROTOCOL-WEB.md: a text body is a row of base64 strings, each padded by itself.
        let text = "Zg==Zm8=Zm9vZg==Zg=="
        #expect(decode(cut.pieces(of: Array(text.utf8))) == Array("ffofooff".utf8), "\(cut)")
    }

    @Test(arguments: Cut.all)
    func whatIsNotBase64IsRefused(cut: Cut) {
        let cases = [
            "Zg=", "Z", "Zg", "Zm9", "Zg==Z", "=", "Z===", "====", "Zg=v", "Zm9v=", "Zm9v\n", " Zm9v", "Zm-v", "Zm_v",
            "Zm9\u{80}",
            "Zm9v\0\0\0\0", "Zm8=Z=g=",
        ]
        for text in cases { #expect(decode(cut.pieces(of: Array(text.utf8))) == nil, "\(text), \(cut)") }
    }

    @Test func everyCharacterIsJudgedInEveryPlace() {
        let alphabet = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        for place in 0..<4 {
            for character in UInt8.min...UInt8.max where character != UInt8(ascii: "=") {
                var group = Array("AAAA".utf8)
                group[place] = character
                #expect((decode([group]) != nil) == alphabet.contains(character), "\(character) at \(place)")
                #expect((decode(group.map { [$0] }) != nil) == alphabet.contains(character), "\(character) at \(place)")
            }
        }
    }

    @Test func whatIsWrittenIsReadWhereverItIsCut() {
        let seed: UInt64 = 4648
        var random = SeededRandom(seed: seed)
        for round in 0..<rounds(10_000) {
            var bytes: [UInt8] = []
            var text: [UInt8] = []
            for _ in 0...Int.random(in: 0...2, using: &random) {
                let piece = random.bytes(Int.random(in: 0...30, using: &random))
                bytes += piece
                text += Array(encode(piece).utf8)
            }
            if decode(Cut.random(seed: random.next()).pieces(of: text)) != bytes {
                Issue.record("seed \(seed), round \(round): \(String(decoding: text, as: UTF8.self))")
                return
            }
        }
    }

    @Test func randomTextNeverTrapsAndMeansTheSameWhereverItIsCut() {
        let seed: UInt64 = 4649
        var random = SeededRandom(seed: seed)
        let likely = Array("AZaz09+/Zg====".utf8)
        for round in 0..<rounds(50_000) {
            let text = (0..<Int.random(in: 0...12, using: &random)).map { _ in
                Int.random(in: 0..<20, using: &random) == 0
                    ? UInt8.random(in: 0...255, using: &random) : likely.randomElement(using: &random)!
            }
            if decode([text]) != decode(Cut.random(seed: random.next()).pieces(of: text)) {
                Issue.record("seed \(seed), round \(round): \(text)")
                return
            }
        }
    }
}
