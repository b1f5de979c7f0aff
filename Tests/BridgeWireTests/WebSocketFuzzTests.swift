// rtbridge: random frames and random bytes for the WebSocket decoder.
// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import BridgeWire

@Suite struct WebSocketFuzzTests {
    /// A lawful conversation, and what a decoder must make of it.
    private func conversation(_ random: inout SeededRandom, masked: Bool) -> (
        bytes: [UInt8], items: [Conversation.Item]
    ) {
        var bytes: [UInt8] = []
        var items: [Conversation.Item] = []
        func append(_ first: UInt8, _ payload: [UInt8]) {
            bytes += RawFrame(first, payload, mask: masked ? random.bytes(4) : nil).bytes
        }
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            if Bool.random(using: &random) {
                let payload = random.bytes(Int.random(in: 0...20, using: &random))
                append(0x89, payload)
                items.append(.ping(payload))
            }
            let isText = Bool.random(using: &random)
            let size = Int.random(in: 0..<10, using: &random) == 0 ? 300 : 30
            var payload = random.bytes(Int.random(in: 0...size, using: &random))
            if isText { payload = Array(String(decoding: payload, as: UTF8.self).utf8) }
            let pieces = Cut.random(seed: random.next()).pieces(of: payload)
            var first: UInt8 = isText ? 0x01 : 0x02
            for piece in pieces {
                append(first, piece)
                first = 0x00
            }
            append(first | 0x80, [])
            items.append(isText ? .text(payload) : .binary(payload))
        }
        return (bytes, items)
    }

    @Test(arguments: [WebSocketRole.server, .client])
    func lawfulConversationsAreReadWhereverTheyAreCut(role: WebSocketRole) {
        let seed: UInt64 = role == .server ? 6455 : 6456
        var random = SeededRandom(seed: seed)
        for round in 0..<rounds(4_000) {
            let (bytes, items) = conversation(&random, masked: role == .server)
            let pieces = Cut.random(seed: random.next()).pieces(of: bytes)
            let result = Conversation.feed(pieces, role: role)
            if result.items != items || result.violation != nil {
                Issue.record("seed \(seed), round \(round): \(result) is not \(items)")
                return
            }
        }
    }

    /// The same bytes give the same events and the same violation, however they are cut. What came of a message that did
    /// not end may differ: a piece that holds a bad byte is not delivered.
    private func compare(_ bytes: [UInt8], _ role: WebSocketRole, seed: UInt64, round: Int, cutSeed: UInt64) -> Bool {
        let whole = Conversation.feed([bytes], role: role, maxMessageBytes: 5000)
        let cut = Conversation.feed(
            Cut.random(seed: cutSeed).pieces(of: bytes), role: role, maxMessageBytes: 5000)
        if whole.items == cut.items, whole.violation == cut.violation { return true }
        Issue.record("seed \(seed), round \(round), \(bytes): \(whole) is not \(cut)")
        return false
    }

    @Test(arguments: [WebSocketRole.server, .client])
    func randomBytesNeverTrapAndMeanTheSameWhereverTheyAreCut(role: WebSocketRole) {
        let seed: UInt64 = role == .server ? 1 : 2
        var random = SeededRandom(seed: seed)
        // Bytes that often make headers, so that chance goes deep.
        let likely: [UInt8] = [
            0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x88, 0x89, 0x8A, 0xFE, 0xFF, 0x7E, 0x7F, 0x83, 0x85, 0x03,
        ]
        for round in 0..<rounds(60_000) {
            let bytes = (0..<Int.random(in: 0...40, using: &random)).map { _ in
                Bool.random(using: &random)
                    ? likely.randomElement(using: &random)! : UInt8.random(in: 0...255, using: &random)
            }
            guard compare(bytes, role, seed: seed, round: round, cutSeed: random.next()) else { return }
        }
    }

    @Test(arguments: [WebSocketRole.server, .client])
    func damagedConversationsNeverTrapAndMeanTheSameWhereverTheyAreCut(role: WebSocketRole) {
        let seed: UInt64 = role == .server ? 3 : 4
        var random = SeededRandom(seed: seed)
        for round in 0..<rounds(4_000) {
            var bytes = conversation(&random, masked: role == .server).bytes
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            guard compare(bytes, role, seed: seed, round: round, cutSeed: random.next()) else { return }
        }
    }
}
