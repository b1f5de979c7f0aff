// rtbridge: tests of owners that close from within an event.
// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import NIOOpenSSL

extension ClosingTests {
    @Test func anOwnerMayCloseWhileItReads() throws {
        let pair = try Pair.connected()
        pair.server.owner.onRead = { context, _ in
            context.write(NIOAny(ByteBuffer(string: "bye")), promise: nil)
            context.close(promise: nil)
        }
        // Two reads' worth: the second is not delivered.
        _ = pair.client.write(ByteBuffer(repeating: 1, count: 100_000))
        pair.client.flush()
        try pair.pump()
        #expect(pair.server.owner.reads == [65536])
        #expect(!pair.server.channel.isActive)
        #expect(pair.client.owner.text == "bye")
        #expect(pair.client.owner.count(.inputClosed) == 1)
        #expect(pair.server.owner.errors.isEmpty)
    }

    @Test func anOwnerMayHalfCloseWhileItReads() throws {
        let pair = try Pair.connected()
        pair.server.owner.onRead = { context, _ in
            if pair.server.owner.reads.count == 1 { context.close(mode: .output, promise: nil) }
        }
        _ = pair.client.write(ByteBuffer(repeating: 1, count: 100_000))
        pair.client.flush()
        try pair.pump()
        #expect(pair.server.owner.received.readableBytes == 100_000)
        #expect(pair.client.owner.count(.inputClosed) == 1)
        pair.server.owner.onRead = nil
    }

    @Test func anOwnerMayCloseWhenTheHandshakeIsDone() throws {
        let pair = try Pair()
        pair.server.owner.onNote = { context, note in
            if case .handshake = note { context.close(promise: nil) }
        }
        try pair.start()
        _ = pair.client.write("to nobody")
        pair.client.flush()
        try pair.pump()
        #expect(pair.server.owner.reads.isEmpty)
        #expect(!pair.server.channel.isActive)
        #expect(pair.client.owner.count(.inputClosed) == 1)
    }

    @Test func anOwnerMayCloseWhenTheInputCloses() throws {
        let pair = try Pair.connected()
        pair.server.owner.onNote = { context, note in
            if note == .inputClosed { context.close(promise: nil) }
        }
        try pair.client.channel.close(mode: .output).wait()
        try pair.pump()
        #expect(!pair.server.channel.isActive)
        #expect(pair.client.owner.count(.inputClosed) == 1)
        #expect(pair.client.owner.errors.isEmpty)
    }

    @Test func anOwnerMayCloseInAnswerToAnError() throws {
        let pair = try Pair(client: .trusting(alpn: ["spdy/3"]), server: .plain(alpn: ["h2"]))
        pair.server.owner.onNote = { context, note in
            if case .error = note { context.close(promise: nil) }
        }
        try pair.start()
        try pair.pump()
        #expect(!pair.server.channel.isActive)
        #expect(pair.server.owner.errors.count == 1)
        #expect(pair.client.owner.errors.first?.peerAlert == "no application protocol")
    }

    @Test func anOwnerMayCloseWhenTheChannelBecomesActive() throws {
        let pair = try Pair()
        pair.client.owner.onNote = { context, note in
            if note == .active { context.close(promise: nil) }
        }
        try pair.start()
        pair.client.channel.embeddedEventLoop.run()
        #expect(try pair.client.takeSent().isEmpty)
        #expect(!pair.client.channel.isActive)
    }

    @Test func anOwnerMayAnswerFromWithinARead() throws {
        let pair = try Pair.connected()
        pair.server.owner.onRead = { context, bytes in
            context.writeAndFlush(NIOAny(bytes), promise: nil)
        }
        _ = pair.client.write(ByteBuffer(repeating: 1, count: 300_000))
        pair.client.flush()
        try pair.pump()
        #expect(pair.client.owner.received.readableBytes == 300_000)
    }

    /// Whoever hears of a failure may be in the middle of anything.
    @Test func anOwnerMayWriteAndCloseAgainWhenAWriteFails() throws {
        let pair = try Pair()
        try pair.start()
        var outcomes: [String] = []
        let channel = pair.client.channel
        pair.client.write("one").assumeIsolated().whenFailure { _ in
            pair.client.write("two").assumeIsolated().whenFailure { _ in outcomes.append("two") }
            channel.close().assumeIsolated().whenComplete { _ in outcomes.append("closed again") }
        }
        try channel.close().wait()
        #expect(outcomes.sorted() == ["closed again", "two"])
    }

    @Test func anOwnerMayCloseAgainWhenItsCloseSucceeds() throws {
        let pair = try Pair.connected()
        let held = HeldWrites()
        let channel = pair.client.channel
        try channel.pipeline.syncOperations.addHandler(held, position: .first)
        var hasHeard = false
        channel.close().assumeIsolated().whenComplete { _ in
            channel.close().assumeIsolated().whenComplete { _ in hasHeard = true }
        }
        channel.pipeline.fireChannelInactive()
        #expect(hasHeard)
    }

    @Test func aHandlerThatIsTakenOutFailsWhatIsQueued() throws {
        let pair = try Pair()
        try pair.start()
        let write = pair.client.write("never sent")
        try pair.client.channel.pipeline.syncOperations.removeHandler(pair.client.handler).wait()
        #expect(throws: TLSError.connectionClosed) { try write.wait() }
    }
}
