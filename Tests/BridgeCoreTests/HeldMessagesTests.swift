// rtbridge: what is kept of a client's messages while there is no back-end.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgePolicy
import NIOCore
import Testing

@testable import BridgeCore

struct HeldMessagesTests {
    private static func held(_ overflow: ReconnectOptions.Overflow, limit: Int = 10) -> HeldMessages {
        HeldMessages(limit: limit, overflow: overflow, budget: ByteBudget(limit: .max))
    }

    private static func unwritten(_ pieces: [(String, Bool)], isCut: Bool = false) -> Unwritten {
        var unwritten = Unwritten()
        unwritten.pieces = pieces.map { (ByteBuffer(string: $0.0), $0.1 ? .endsMessage : []) }
        unwritten.isCut = isCut
        return unwritten
    }

    private static func all(_ held: inout HeldMessages) -> String {
        var text = ""
        while let (bytes, flags) = held.popFirst() {
            text += String(buffer: bytes) + (flags.contains(.endsMessage) ? "|" : "")
        }
        return text
    }

    private static func put(_ text: String, _ ends: Bool = true, in held: inout HeldMessages) -> HeldMessages.OnAppend {
        held.append(ByteBuffer(string: text), ends ? .endsMessage : [])
    }

    @Test func piecesComeOutAsTheyWentIn() {
        var held = Self.held(.pause)
        let results = [Self.put("ab", false, in: &held), Self.put("", true, in: &held), Self.put("c", true, in: &held)]
        #expect(results == [.kept, .kept, .kept])
        #expect(Self.all(&held) == "ab|c|")
        #expect(held.byteCount == 3)
    }

    @Test func pauseIsFullAtTheLimit() {
        var held = Self.held(.pause)
        let results = [Self.put("123456789", in: &held), Self.put("0", in: &held), Self.put("more", in: &held)]
        #expect(results == [.kept, .full, .full])
        #expect(Self.all(&held) == "123456789|0|more|", "what came is kept all the same")
    }

    @Test func closeOverflowsAboveTheLimit() {
        var held = Self.held(.close)
        let results = [Self.put("1234567890", in: &held), Self.put("x", in: &held)]
        #expect(results == [.kept, .overflowed])
    }

    @Test func theOldestWholeMessagesGo() {
        var held = Self.held(.dropOldest)
        let results = ["aaaa", "bbbb", "cc", "ddddd"].map { Self.put($0, in: &held) }
        #expect(results == [.kept, .kept, .kept, .dropped(cutsMessage: false)])
        #expect(Self.all(&held) == "cc|ddddd|")
        #expect(held.dropped == 2)
    }

    @Test func aMessageThatIsTooLongGoesAsAWhole() {
        var held = Self.held(.dropOldest)
        let results = [
            Self.put("a", in: &held), Self.put("123456", false, in: &held), Self.put("78901", false, in: &held),
        ]
        #expect(results == [.kept, .kept, .dropped(cutsMessage: true)])
        #expect(Self.all(&held) == "" && held.dropped == 2)
    }

    /// A stream that goes on has to go on there.
    @Test func theRestOfACutMessageStaysWhenTheStreamResumes() {
        var held = Self.held(.dropOldest)
        let first = held.restore(Self.unwritten([("rest", false)], isCut: true), resumes: true)
        let results = [Self.put("REST", true, in: &held), Self.put("aa", in: &held), Self.put("bb", in: &held)]
        #expect(first == .kept)
        #expect(results == [.kept, .kept, .dropped(cutsMessage: false)])
        #expect(Self.all(&held) == "restREST|bb|")
    }

    @Test func theRestOfACutMessageGoesWhereANewSessionBegins() {
        var held = Self.held(.pause)
        let result = held.restore(
            Self.unwritten([("rest", false), ("of it", true), ("next", true)], isCut: true), resumes: false)
        #expect(result == .kept)
        #expect(Self.all(&held) == "next|" && held.dropped == 1)
    }

    @Test func andSoDoesWhatComesOfItLater() {
        var held = Self.held(.pause)
        let result = held.restore(Self.unwritten([("rest", false)], isCut: true), resumes: false)
        #expect(result == .dropped(cutsMessage: true))
        #expect(Self.all(&held) == "")
        var empty = Self.held(.pause)
        let nothing = empty.restore(Self.unwritten([], isCut: true), resumes: false)
        #expect(nothing == .dropped(cutsMessage: true))
    }

    @Test func whatALostConnectionGivesBackComesFirst() {
        var held = Self.held(.pause, limit: 100)
        _ = Self.put("later", in: &held)
        _ = held.restore(Self.unwritten([("earlier", true)]), resumes: true)
        #expect(Self.all(&held) == "earlier|later|")
    }

    /// A message of one byte keeps one byte, not the buffer that it was read in.
    @Test func piecesAreCopied() {
        var held = HeldMessages(limit: 1000, overflow: .pause, budget: ByteBudget(limit: .max))
        let big = ByteBuffer(repeating: 7, count: 1 << 20)
        for index in 0..<100 {
            guard let slice = big.getSlice(at: index, length: 1) else { continue }
            _ = held.append(slice, .endsMessage)
        }
        let piece = held.popFirst()
        #expect(piece?.bytes.storageCapacity ?? .max < 4096)
    }
}
