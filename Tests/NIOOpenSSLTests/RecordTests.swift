// rtbridge: tests of how plaintext is put into records and taken out of them.
// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import NIOOpenSSL

@Suite struct RecordTests {
    /// What TLS 1.3 adds to plaintext: content type and tag.
    private static let overhead = 17

    /// Lengths of plaintext in the records that `write` makes.
    private func records(_ write: (Pair) throws -> Void) throws -> [Int] {
        let pair = try Pair.connected()
        try write(pair)
        let sent = try pair.client.takeSent()
        #expect(sent.count <= 1, "a flush of less than 240 KiB is one buffer")
        for bytes in sent { try pair.server.receive(bytes) }
        let found = try #require(Record.all(in: sent))
        #expect(found.allSatisfy { $0.type == 23 })
        return found.map { $0.length - Self.overhead }
    }

    @Test func aHeaderAndItsPayloadShareARecord() throws {
        let made = try records { pair in
            _ = pair.client.write(ByteBuffer(repeating: 1, count: 9))
            _ = pair.client.write(ByteBuffer(repeating: 2, count: 100))
            pair.client.flush()
        }
        #expect(made == [109])
    }

    @Test func manySmallWritesShareARecord() throws {
        let made = try records { pair in
            for _ in 0..<1000 { _ = pair.client.write(ByteBuffer(repeating: 1, count: 7)) }
            pair.client.flush()
        }
        #expect(made == [7000])
    }

    @Test func aLargeWriteFillsRecords() throws {
        let made = try records { pair in
            _ = pair.client.write(ByteBuffer(repeating: 1, count: 40_000))
            pair.client.flush()
        }
        #expect(made == [16384, 16384, 7232])
    }

    @Test func theRestOfALargeWriteAndWhatFollowsShareARecord() throws {
        let made = try records { pair in
            for _ in 0..<3 {
                _ = pair.client.write(ByteBuffer(repeating: 1, count: 9))
                _ = pair.client.write(ByteBuffer(repeating: 2, count: 16384))
            }
            pair.client.flush()
        }
        #expect(made == [16384, 16384, 16384, 27])
    }

    @Test func eachFlushEndsARecordAndOnlyWhatIsFlushedIsSent() throws {
        let made = try records { pair in
            _ = pair.client.write(ByteBuffer(repeating: 1, count: 10))
            pair.client.flush()
            _ = pair.client.write(ByteBuffer(repeating: 1, count: 20))
        }
        #expect(made == [10])
    }

    @Test func anEmptyWriteMakesNoRecordAndItsPromiseSucceeds() throws {
        let pair = try Pair.connected()
        let write = pair.client.write("")
        pair.client.flush()
        #expect(try pair.client.takeSent().isEmpty)
        try write.wait()
    }

    @Test func aFlushOfNothingSendsNothing() throws {
        let made = try records { $0.client.flush() }
        #expect(made.isEmpty)
    }

    @Test func aFlushOfMebibytesGoesOutInBuffersOfBoundedSize() throws {
        let pair = try Pair.connected()
        let write = pair.client.write(ByteBuffer(repeating: 1, count: 3 * 1024 * 1024))
        pair.client.flush()
        let sent = try pair.client.takeSent()
        #expect(sent.allSatisfy { $0.readableBytes <= 256 * 1024 })
        #expect(sent.count == 13)
        #expect(Record.all(in: sent)?.count == 192)
        try write.wait()
        for bytes in sent { try pair.server.receive(bytes) }
        #expect(pair.server.owner.received == ByteBuffer(repeating: 1, count: 3 * 1024 * 1024))
    }

    @Test func promisesSucceedWhenTheCiphertextIsWrittenAndFailWithIt() throws {
        final class Hold: ChannelOutboundHandler {
            typealias OutboundIn = ByteBuffer
            var promises: [EventLoopPromise<Void>?] = []
            func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
                promises.append(promise)
            }
        }
        struct Broken: Error {}
        let pair = try Pair.connected()
        let hold = Hold()
        try pair.client.channel.pipeline.syncOperations.addHandler(hold, position: .first)
        var outcomes: [String] = []
        for name in ["a", "b", "c"] {
            pair.client.write(name).assumeIsolated().whenComplete { result in
                switch result {
                case .success: outcomes.append(name)
                case .failure: outcomes.append("\(name) failed")
                }
            }
            if name != "a" { pair.client.flush() }
        }
        #expect(hold.promises.count == 2)
        #expect(outcomes.isEmpty)
        hold.promises[0]?.succeed()
        #expect(outcomes == ["a", "b"])
        hold.promises[1]?.fail(Broken())
        #expect(outcomes == ["a", "b", "c failed"])
    }

    @Test func recordsThatCameTogetherAreReadTogether() throws {
        let pair = try Pair.connected()
        let before = pair.server.owner.count(.readComplete)
        _ = pair.client.write(ByteBuffer(repeating: 7, count: 60_000))
        pair.client.flush()
        try pair.pump()
        #expect(pair.server.owner.reads == [60_000])
        #expect(pair.server.owner.count(.readComplete) == before + 1)
    }

    @Test func aReadHasAtMost64KiB() throws {
        let pair = try Pair.connected()
        _ = pair.client.write(ByteBuffer(repeating: 7, count: 200_000))
        pair.client.flush()
        try pair.pump()
        #expect(pair.server.owner.reads == [65536, 65536, 65536, 3392])
    }

    @Test func aRecordThatAReadHasNoRoomForComesWithTheNextRead() throws {
        let pair = try Pair.connected()
        for _ in 0..<7 {
            _ = pair.client.write(ByteBuffer(repeating: 7, count: 10_000))
            pair.client.flush()
        }
        var together = ByteBuffer()
        for bytes in try pair.client.takeSent() { together.writeImmutableBuffer(bytes) }
        try pair.server.receive(together)
        #expect(pair.server.owner.reads == [65536, 4464])
    }

    @Test func aSmallReadTakesASmallBuffer() throws {
        let pair = try Pair.connected()
        var capacity = 0
        pair.server.owner.onRead = { _, bytes in capacity = bytes.storageCapacity }
        _ = pair.client.write("hello")
        pair.client.flush()
        try pair.pump()
        #expect((5...64).contains(capacity))
    }

    @Test func theOwnersBufferIsItsOwn() throws {
        let pair = try Pair.connected()
        var kept: [ByteBuffer] = []
        pair.server.owner.onRead = { _, bytes in kept.append(bytes) }
        _ = pair.client.write("hello")
        pair.client.flush()
        try pair.pump()
        #expect(kept[0].modifyIfUniquelyOwned { _ in true } == true, "changing it in place must copy nothing")
    }
}
