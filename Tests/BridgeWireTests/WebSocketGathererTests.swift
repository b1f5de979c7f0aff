// rtbridge: pieces of one message that came together.
// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import BridgeWire

@Suite struct WebSocketGathererTests {
    private func bytes(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }

    @Test func aWholeMessageGoesOnAtOnce() {
        var gatherer = WebSocketGatherer()
        #expect(gatherer.add(bytes("whole"), endsMessage: true) == bytes("whole"))
        #expect(gatherer.add(ByteBuffer(), endsMessage: true) == ByteBuffer())
        #expect(gatherer.takeHeld(isInsideFrame: true) == nil)
    }

    @Test func fragmentsThatCameTogetherAreOnePiece() {
        var gatherer = WebSocketGatherer()
        #expect(gatherer.add(bytes("a"), endsMessage: false) == nil)
        #expect(gatherer.add(bytes(""), endsMessage: false) == nil)
        #expect(gatherer.add(bytes("b"), endsMessage: true) == bytes("ab"))
        #expect(gatherer.takeHeld(isInsideFrame: true) == nil)
    }

    @Test func whatDoesNotEndIsTakenAtTheEndOfTheRead() {
        var gatherer = WebSocketGatherer()
        #expect(gatherer.add(bytes("a"), endsMessage: false) == nil)
        #expect(gatherer.add(bytes("b"), endsMessage: false) == nil)
        #expect(gatherer.takeHeld(isInsideFrame: true) == bytes("ab"))
        #expect(gatherer.add(bytes("c"), endsMessage: true) == bytes("c"))
    }

    @Test func noMoreIsHeldThanABound() {
        var gatherer = WebSocketGatherer()
        #expect(gatherer.add(ByteBuffer(repeating: 1, count: 100_000), endsMessage: false)?.readableBytes == 100_000)
        var count = 0
        while gatherer.add(ByteBuffer(repeating: 1, count: 1000), endsMessage: false) == nil { count += 1000 }
        #expect(count < 70_000)
    }

    /// RFC 6455 §5.4. A frame of 4 MiB by 100 bytes at a time, then the same by whole frames.
    @Test(arguments: [true, false]) func aMessageOfManyPiecesGoesOnInLargerOnes(isInsideFrame: Bool) {
        var gatherer = WebSocketGatherer()
        let reads = 4 * 1024 * 1024 / 100
        var pieces: [Int] = []
        for _ in 0..<reads {
            #expect(gatherer.add(ByteBuffer(repeating: 1, count: 100), endsMessage: false) == nil)
            if let piece = gatherer.takeHeld(isInsideFrame: isInsideFrame) { pieces.append(piece.readableBytes) }
        }
        let rest = gatherer.add(bytes("z"), endsMessage: true)
        #expect(pieces.reduce(0, +) + (rest?.readableBytes ?? 0) == reads * 100 + 1)
        #expect(pieces.prefix(256).allSatisfy { $0 == 100 })
        #expect(isInsideFrame ? pieces.count < 600 : pieces.count == reads)
        // The next message goes on as it comes again.
        #expect(gatherer.add(bytes("a"), endsMessage: false) == nil)
        #expect(gatherer.takeHeld(isInsideFrame: true) == bytes("a"))
    }
}
