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
        #expect(gatherer.takeHeld() == nil)
    }

    @Test func fragmentsThatCameTogetherAreOnePiece() {
        var gatherer = WebSocketGatherer()
        #expect(gatherer.add(bytes("a"), endsMessage: false) == nil)
        #expect(gatherer.add(bytes(""), endsMessage: false) == nil)
        #expect(gatherer.add(bytes("b"), endsMessage: true) == bytes("ab"))
        #expect(gatherer.takeHeld() == nil)
    }

    @Test func whatDoesNotEndIsTakenAtTheEndOfTheRead() {
        var gatherer = WebSocketGatherer()
        #expect(gatherer.add(bytes("a"), endsMessage: false) == nil)
        #expect(gatherer.add(bytes("b"), endsMessage: false) == nil)
        #expect(gatherer.takeHeld() == bytes("ab"))
        #expect(gatherer.add(bytes("c"), endsMessage: true) == bytes("c"))
    }

    @Test func noMoreIsHeldThanABound() {
        var gatherer = WebSocketGatherer()
        #expect(gatherer.add(ByteBuffer(repeating: 1, count: 100_000), endsMessage: false)?.readableBytes == 100_000)
        var count = 0
        while gatherer.add(ByteBuffer(repeating: 1, count: 1000), endsMessage: false) == nil { count += 1000 }
        #expect(count < 70_000)
    }
}
