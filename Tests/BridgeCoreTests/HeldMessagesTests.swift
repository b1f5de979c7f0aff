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
        #expect(held.byteCount == 3)
        #expect(Self.all(&held) == "ab|c|")
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

    // MARK: The bound on all sessions together

    @Test func aBudgetThatIsUsedUpStopsEverySession() {
        let budget = ByteBudget(limit: 10)
        var first = HeldMessages(limit: 1000, overflow: .pause, budget: budget)
        var second = HeldMessages(limit: 1000, overflow: .pause, budget: budget)
        #expect(Self.put("12345678", in: &first) == .kept)
        #expect(Self.put("90", in: &second) == .full)
        #expect(Self.put("x", in: &first) == .full)
        #expect(budget.used == 11)
        #expect(Self.all(&first) == "12345678|x|")
        #expect(budget.used == 2)
        second.removeAll()
        #expect(budget.used == 0)
    }

    @Test func aBudgetThatIsPassedClosesOrDropsAsTheRouteSays() {
        let budget = ByteBudget(limit: 10)
        var closing = HeldMessages(limit: 1000, overflow: .close, budget: budget)
        var dropping = HeldMessages(limit: 1000, overflow: .dropOldest, budget: budget)
        #expect(Self.put("12345", in: &dropping) == .kept)
        #expect(Self.put("67890", in: &dropping) == .kept)
        #expect(Self.put("x", in: &dropping) == .dropped(cutsMessage: false))
        #expect(Self.all(&dropping) == "67890|x|")
        #expect(Self.put("12345678901", in: &closing) == .overflowed)
        closing.removeAll()
        #expect(budget.used == 0)
    }

    /// What is given back, cut, dropped and taken again in any order is accounted for in the end.
    @Test func theBudgetIsEvenWhateverHappens() {
        for seed in 0..<2_000 as Range<UInt64> {
            var random = SplitMix(seed: seed)
            let budget = ByteBudget(limit: 60)
            var all = [ReconnectOptions.Overflow.pause, .dropOldest, .close].map {
                HeldMessages(limit: 40, overflow: $0, budget: budget)
            }
            for _ in 0..<30 {
                let index = Int.random(in: 0..<3, using: &random)
                switch Int.random(in: 0..<6, using: &random) {
                case 0: _ = all[index].popFirst()
                case 1:
                    let pieces = [("abc", true), ("defg", Bool.random(using: &random))]
                    _ = all[index].restore(
                        Self.unwritten(pieces, isCut: Bool.random(using: &random)),
                        resumes: Bool.random(using: &random))
                case 2: all[index].removeAll()
                case _:
                    let text = String(repeating: "x", count: Int.random(in: 0..<20, using: &random))
                    _ = all[index].append(ByteBuffer(string: text), Bool.random(using: &random) ? .endsMessage : [])
                }
                #expect(budget.used == all.reduce(0) { $0 + $1.byteCount }, "seed \(seed)")
            }
            for index in all.indices { all[index].removeAll() }
            #expect(budget.used == 0, "seed \(seed)")
        }
    }
}
