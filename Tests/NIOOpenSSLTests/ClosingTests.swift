// rtbridge: tests of the ways a connection ends.
// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOEmbedded
import Testing

@testable import NIOOpenSSL

@Suite struct ClosingTests {
    // MARK: close(.all)

    @Test(arguments: [TLSVersion.tls12, .tls13])
    func aCloseSendsWhatIsQueuedThenCloseNotifyThenClosesTheTransport(version: TLSVersion) throws {
        let pair = try Pair.connected(version: version)
        let write = pair.client.write("last words")
        let close = pair.client.channel.close()
        try write.wait()
        try close.wait()
        #expect(!pair.client.channel.isActive)
        try pair.pump()
        #expect(pair.server.owner.text == "last words")
        #expect(pair.server.owner.count(.inputClosed) == 1)
        #expect(pair.server.owner.errors.isEmpty)
        #expect(pair.server.channel.isActive, "closing is the owner's choice")
        #expect(pair.client.owner.errors.isEmpty)
        #expect(pair.client.owner.count(.inputClosed) == 0)
    }

    @Test func afterACloseNotifyTheTransportsEndIsNoNews() throws {
        let pair = try Pair.connected()
        try pair.client.channel.close().wait()
        try pair.pump()
        pair.server.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        pair.server.channel.pipeline.fireChannelInactive()
        #expect(pair.server.owner.count(.inputClosed) == 1)
        #expect(pair.server.owner.errors.isEmpty)
        #expect(pair.server.owner.notes.last == .inactive)
    }

    @Test func aCloseBeforeTheHandshakesEndClosesAtOnceAndFailsWhatIsQueued() throws {
        let pair = try Pair()
        try pair.start()
        let write = pair.client.write("never sent")
        pair.client.flush()
        try pair.client.channel.close().wait()
        #expect(throws: TLSError.connectionClosed) { try write.wait() }
        #expect(pair.client.owner.errors.isEmpty, "who closes is not told that the connection is closed")
    }

    @Test func writesAfterACloseFail() throws {
        let pair = try Pair.connected()
        try pair.client.channel.close(mode: .output).wait()
        #expect(throws: TLSError.connectionClosed) { try pair.client.write("late").wait() }
    }

    @Test func bothSidesMayCloseAtOnce() throws {
        let pair = try Pair.connected()
        try pair.client.channel.close().wait()
        try pair.server.channel.close().wait()
        let sent = try pair.server.takeSent()
        #expect(Record.all(in: sent)?.map(\.length) == [19], "a close_notify and nothing else")
    }

    // MARK: A peer that does not read

    private func stuck() throws -> (Pair, HeldWrites) {
        let pair = try Pair.connected()
        let held = HeldWrites()
        try pair.client.channel.pipeline.syncOperations.addHandler(held, position: .first)
        return (pair, held)
    }

    @Test func aCloseWaitsUntilTheTransportHasTakenEverything() throws {
        let (pair, held) = try stuck()
        let write = pair.client.write("last words")
        pair.client.flush()
        let close = pair.client.channel.close()
        #expect(held.closes == 0)
        held.release(try pair.client.channel.pipeline.syncOperations.context(handler: held))
        #expect(held.closes == 1)
        try write.wait()
        try close.wait()
        try pair.pump()
        #expect(pair.server.owner.text == "last words")
        #expect(pair.server.owner.count(.inputClosed) == 1)
    }

    @Test func aCloseDoesNotWaitForEver() throws {
        let (pair, held) = try stuck()
        let write = pair.client.write("last words")
        let close = pair.client.channel.close()
        pair.client.channel.embeddedEventLoop.advanceTime(by: TLSHandler.lingerTime - .milliseconds(1))
        #expect(held.closes == 0)
        pair.client.channel.embeddedEventLoop.advanceTime(by: .milliseconds(1))
        #expect(held.closes == 1)
        #expect(throws: (any Error).self) { try write.wait() }
        try close.wait()
    }

    @Test func aSecondCloseWaitsForNothing() throws {
        let (pair, held) = try stuck()
        _ = pair.client.write("last words")
        let first = pair.client.channel.close()
        #expect(held.closes == 0)
        let second = pair.client.channel.close()
        #expect(held.closes == 1)
        try first.wait()
        try second.wait()
        pair.client.channel.embeddedEventLoop.advanceTime(by: TLSHandler.lingerTime * 2)
        #expect(held.closes == 1, "the timer of the first close does no harm")
    }

    @Test func aTransportThatEndsWhileACloseWaitsEndsTheWait() throws {
        let (pair, _) = try stuck()
        let write = pair.client.write("last words")
        let close = pair.client.channel.close()
        pair.client.channel.pipeline.fireChannelInactive()
        try close.wait()
        #expect(pair.client.owner.errors.isEmpty)
        _ = write
    }

    @Test func aCloseAfterAHalfCloseWaitsForWhatWasWrittenBefore() throws {
        let (pair, held) = try stuck()
        _ = pair.client.write("last words")
        let half = pair.client.channel.close(mode: .output)
        let close = pair.client.channel.close()
        #expect(held.closes == 0)
        held.release(try pair.client.channel.pipeline.syncOperations.context(handler: held))
        #expect(held.closes == 1)
        try half.wait()
        try close.wait()
    }

    // MARK: close(.output)

    @Test(arguments: [TLSVersion.tls12, .tls13])
    func aHalfCloseLeavesTheOtherDirectionOpen(version: TLSVersion) throws {
        let pair = try Pair.connected(version: version)
        let write = pair.client.write("that is all")
        try pair.client.channel.close(mode: .output).wait()
        try write.wait()
        #expect(pair.client.channel.isActive)
        try pair.pump()
        #expect(pair.server.owner.text == "that is all")
        #expect(pair.server.owner.count(.inputClosed) == 1)

        _ = pair.server.write("the answer")
        try pair.server.channel.close().wait()
        try pair.pump()
        #expect(pair.client.owner.text == "the answer")
        #expect(pair.client.owner.count(.inputClosed) == 1)
        #expect(pair.client.owner.errors.isEmpty)
        #expect(pair.client.channel.isActive)
        try pair.client.channel.close().wait()
        #expect(!pair.client.channel.isActive)
        #expect(try pair.client.takeSent().isEmpty, "close_notify is sent once")
    }

    @Test func aHalfCloseBeforeTheHandshakesEndIsDoneAfterIt() throws {
        let pair = try Pair()
        try pair.start()
        let write = pair.client.write("that is all")
        let close = pair.client.channel.close(mode: .output)
        try pair.pump()
        try close.wait()
        try write.wait()
        #expect(pair.server.owner.text == "that is all")
        #expect(pair.server.owner.count(.inputClosed) == 1)
        #expect(pair.client.channel.isActive)
    }

    @Test func aHalfCloseThatCannotBeDoneAnyMoreFails() throws {
        let pair = try Pair()
        try pair.start()
        let close = pair.client.channel.close(mode: .output)
        pair.client.channel.pipeline.fireChannelInactive()
        let error = try #require(#expect(throws: TLSError.self) { try close.wait() })
        #expect(error.kind == .handshakeFailed)
    }

    @Test func aSecondHalfCloseIsRefused() throws {
        let pair = try Pair.connected()
        try pair.client.channel.close(mode: .output).wait()
        #expect(throws: ChannelError.outputClosed) { try pair.client.channel.close(mode: .output).wait() }
    }

    @Test func closingTheInputAloneIsNotOnOffer() throws {
        let pair = try Pair.connected()
        #expect(throws: ChannelError.operationUnsupported) { try pair.client.channel.close(mode: .input).wait() }
    }

    // MARK: The transport's end

    @Test func anEndWithoutCloseNotifyIsATruncation() throws {
        let pair = try Pair.connected()
        _ = pair.client.write("half a ")
        pair.client.flush()
        try pair.pump()
        pair.server.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        let error = try #require(pair.server.owner.errors.first)
        #expect(error.kind == .truncated)
        #expect(pair.server.owner.notes.suffix(2) == [.error(error), .inputClosed])
        #expect(pair.server.channel.isActive, "the other direction may still be of use")
        pair.server.channel.pipeline.fireChannelInactive()
        #expect(pair.server.owner.errors.count == 1)
        #expect(pair.server.owner.count(.inputClosed) == 1)
        #expect(pair.server.owner.notes.last == .inactive)
    }

    @Test func aChannelThatGoesInactiveWithoutCloseNotifyIsATruncation() throws {
        let pair = try Pair.connected()
        pair.server.channel.pipeline.fireChannelInactive()
        let error = try #require(pair.server.owner.errors.first)
        #expect(error.kind == .truncated)
        #expect(pair.server.owner.notes.suffix(3) == [.error(error), .inputClosed, .inactive])
    }

    @Test func anEndInsideARecordIsATruncation() throws {
        let pair = try Pair.connected()
        _ = pair.client.write("half a record")
        pair.client.flush()
        let record = try #require(try pair.client.takeSent().first)
        try pair.server.receive(record.getSlice(at: 0, length: 20)!)
        pair.server.channel.pipeline.fireChannelInactive()
        #expect(pair.server.owner.received.readableBytes == 0)
        #expect(pair.server.owner.errors.map(\.kind) == [.truncated])
    }

    @Test func nothingIsReadAfterTheInputsEnd() throws {
        let pair = try Pair.connected()
        pair.server.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        _ = pair.client.write("late")
        pair.client.flush()
        try pair.pump()
        #expect(pair.server.owner.received.readableBytes == 0)
        #expect(pair.server.owner.notes.last != .inactive)
    }

    @Test func bytesAfterACloseNotifyAreDropped() throws {
        let pair = try Pair.connected()
        _ = pair.client.write("before")
        pair.client.flush()
        let before = try pair.client.takeSent()
        try pair.client.channel.close(mode: .output).wait()
        var all = ByteBuffer()
        for bytes in try before + pair.client.takeSent() { all.writeImmutableBuffer(bytes) }
        all.writeBytes([23, 3, 3, 0, 3, 1, 2, 3])
        try pair.server.receive(all)
        #expect(pair.server.owner.text == "before")
        #expect(pair.server.owner.count(.inputClosed) == 1)
        #expect(pair.server.owner.errors.isEmpty)
    }
}
