// rtbridge: messages in a TCP byte stream.
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Testing

@testable import BridgeWire

struct TCPFramingTests {
    private static let limit = 64

    /// What the client gets for the back-end's bytes, cut into pieces of `size`.
    private static func received(_ kind: TCPFraming.Kind, _ bytes: [UInt8], size: Int) throws -> [String] {
        var framing = TCPFraming(kind, maxMessageBytes: limit)
        var found: [ByteBuffer] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            found += try framing.fromBack(ByteBuffer(bytes: bytes[start..<min(start + size, bytes.count)]))
        }
        if let last = try framing.backEnded() { found.append(last) }
        return found.map { String(buffer: $0) }
    }

    private static func sent(_ kind: TCPFraming.Kind, _ messages: [[String]]) throws -> String {
        var framing = TCPFraming(kind, maxMessageBytes: limit)
        var bytes = ByteBuffer()
        for pieces in messages {
            for (index, piece) in pieces.enumerated() {
                let out = try framing.fromClient(ByteBuffer(string: piece), endsMessage: index == pieces.count - 1)
                if let out { bytes.writeImmutableBuffer(out) }
            }
        }
        return String(buffer: bytes)
    }

    @Test(arguments: 1...12)
    func linesAreMessagesHoweverTheyAreCut(_ size: Int) throws {
        let lines = try Self.received(.line, Array("one\ntwo\r\n\n\u{E9}t\u{E9}\nlast".utf8), size: size)
        #expect(lines == ["one", "two", "", "\u{E9}t\u{E9}", "last"])
    }

    @Test func aMessageIsGivenItsLinesEndOnce() throws {
        #expect(try Self.sent(.line, [["a"], ["b\n"], ["c", "d"], ["e\n", ""], [""]]) == "a\nb\ncd\ne\n\n")
    }

    @Test(arguments: 1...9)
    func framesAreMessagesHoweverTheyAreCut(_ size: Int) throws {
        let bytes: [UInt8] = [0, 0, 0, 3] + Array("abc".utf8) + [0, 0, 0, 0, 0, 0, 0, 1] + Array("d".utf8)
        #expect(try Self.received(.length32, bytes, size: size) == ["abc", "", "d"])
    }

    @Test func aMessageHasItsWholeLengthBeforeIt() throws {
        #expect(try Self.sent(.length32, [["ab", "c"], [""], ["d"]]) == "\0\0\0\u{3}abc\0\0\0\0\0\0\0\u{1}d")
    }

    /// RFC 3629 §3: characters of one to four bytes.
    @Test(arguments: 1...15)
    func textIsCutBetweenCharacters(_ size: Int) throws {
        let text = "a\u{E9}\u{20AC}\u{1F600}z\u{1F600}"
        let pieces = try Self.received(.text, Array(text.utf8), size: size)
        #expect(pieces.joined() == text)
        #expect(pieces.allSatisfy { !$0.unicodeScalars.contains("\u{FFFD}") && !$0.isEmpty })
    }

    @Test func base64IsBytesBothWays() throws {
        #expect(try Self.received(.base64, [0xFF, 0xFE, 0xFD, 0x00], size: 4) == ["//79AA=="])
        #expect(try Self.sent(.base64, [["SGVs", "bG8="], ["IQ=="], [""]]) == "Hello!")
        for wrong in ["SGV", "SG V", "%%%%", "SGVs=GVs"] {
            #expect(throws: TCPFraming.Violation.clientBase64, "\(wrong)") { try Self.sent(.base64, [[wrong]]) }
        }
    }

    @Test(
        arguments: [
            (.line, Array(repeating: UInt8(ascii: "x"), count: 66), .backTooLong),
            (.line, Array(repeating: UInt8(ascii: "x"), count: 65) + [10], .backTooLong),
            (.line, [0xFF, 10], .backText), (.line, [0xE2, 0x82], .backText), (.length32, [0, 0, 0, 65], .backTooLong),
            (.length32, [0xFF, 0xFF, 0xFF, 0xFF], .backTooLong), (.length32, [0, 0, 0, 2, 1], .backCut),
            (.length32, [0, 0], .backCut), (.text, [0x61, 0xFF], .backText), (.text, [0xE2, 0x82], .backCut),
            (.text, [0xED, 0xA0, 0x80], .backText),
        ] as [(TCPFraming.Kind, [UInt8], TCPFraming.Violation)])
    func aBackEndThatBreaksTheRulesIsFoundOut(
        _ kind: TCPFraming.Kind, _ bytes: [UInt8], _ violation: TCPFraming.Violation
    ) {
        for size in [1, 3, bytes.count] {
            #expect(throws: violation) { try Self.received(kind, bytes, size: size) }
        }
    }

    @Test func theLongestLineAndFrameAreTaken() throws {
        let longest = String(repeating: "x", count: 64)
        #expect(try Self.received(.line, Array((longest + "\r\n").utf8), size: 7) == [longest])
        #expect(try Self.received(.length32, [0, 0, 0, 64] + Array(longest.utf8), size: 7) == [longest])
    }

    @Test func anotherBackEndsStreamBeginsAnew() throws {
        var framing = TCPFraming(.line, maxMessageBytes: 64)
        #expect(try framing.fromBack(ByteBuffer(string: "half")) == [])
        framing.backBegins()
        #expect(try framing.fromBack(ByteBuffer(string: "new\n")) == [ByteBuffer(string: "new")])
    }

    @Test func randomBytesNeverTrapAndAreNeverKeptWithoutBound() {
        var state: UInt64 = 5
        func random() -> UInt8 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 33)
        }
        for kind in [TCPFraming.Kind.line, .length32, .text, .base64] {
            for _ in 0..<2000 {
                var framing = TCPFraming(kind, maxMessageBytes: Self.limit)
                for _ in 0..<8 {
                    let bytes = ByteBuffer(
                        bytes: (0..<Int(random() % 40)).map { _ in random() % 128 &* (random() % 3) })
                    _ = try? framing.fromClient(bytes, endsMessage: random() % 2 == 0)
                    guard let messages = try? framing.fromBack(bytes) else { break }
                    for message in messages where kind != .base64 { #expect(message.readableBytes <= Self.limit) }
                }
                _ = try? framing.backEnded()
            }
        }
    }
}
