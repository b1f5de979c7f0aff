// rtbridge: tests of what goes past the pipeline, and of memory that connections share.
// SPDX-License-Identifier: Apache-2.0
import BridgeSockets
import COpenSSL
import NIOCore
import NIOEmbedded
import Testing

@testable import NIOOpenSSL

@Suite struct SinkTests {
    private static func sink(_ end: End) throws -> any ByteSink {
        let context = try end.channel.pipeline.syncOperations.context(handlerType: Recorder.self)
        return try #require(context.tlsSink)
    }

    @Test func whatIsSentKeepsItsPlaceAmongWrites() throws {
        let pair = try Pair.connected()
        let sink = try Self.sink(pair.client)
        sink.send(ByteBuffer(string: "a"))
        _ = pair.client.write("b")
        sink.send(ByteBuffer(string: "c"))
        sink.send(ByteBuffer(string: "d"))
        sink.flush()
        _ = pair.client.write("e")
        pair.client.flush()
        try pair.pump()
        #expect(pair.server.owner.text == "abcde")
    }

    @Test func whatIsSentTooEarlyWaitsForTheHandshake() throws {
        let pair = try Pair()
        try pair.start()
        let sink = try Self.sink(pair.client)
        sink.send(ByteBuffer(string: "early "))
        sink.send(ByteBuffer(string: "bird"))
        sink.flush()
        #expect(pair.client.handler.queuedBytes == 10)
        try pair.pump()
        #expect(pair.server.owner.text == "early bird")
        #expect(pair.client.handler.queuedBytes == 0)
    }

    @Test func moreThanOneBufferOfRecordsCrossesWhole() throws {
        let pair = try Pair.connected()
        var random = SplitMix(seed: 5)
        let bytes = ByteBuffer(bytes: random.bytes(TLSConnection.maximumOutbound * 3 + 17))
        let sink = try Self.sink(pair.server)
        sink.send(bytes)
        sink.flush()
        try pair.pump()
        #expect(pair.client.owner.received == bytes)
    }

    @Test func aConnectionThatIsClosedTakesNothing() throws {
        let pair = try Pair.connected()
        let sink = try Self.sink(pair.client)
        pair.client.channel.close(mode: .output, promise: nil)
        sink.send(ByteBuffer(string: "late"))
        sink.flush()
        try pair.pump()
        #expect(pair.server.owner.text.isEmpty)
        #expect(pair.server.owner.count(.inputClosed) == 1)
    }

    @Test func withoutTLSThereIsNoSink() throws {
        let channel = EmbeddedChannel(handler: Recorder())
        let context = try channel.pipeline.syncOperations.context(handlerType: Recorder.self)
        #expect(context.tlsSink == nil)
    }
}

@Suite struct BuffersTests {
    /// Both ends share the buffers, so each read may meet what an earlier one still holds.
    @Test func plaintextThatIsKeptIsNotWrittenOver() throws {
        let buffers = TLSBuffers()
        let pair = try Pair(client: .client(.trusting), server: .server(.plain), buffers: buffers)
        var kept: [ByteBuffer] = []
        pair.server.owner.onRead = { kept.append($1) }
        try pair.start()
        try pair.pump()
        let texts = (0..<100).map { "message \($0)" }
        for text in texts {
            _ = pair.client.write(text)
            pair.client.flush()
            try pair.pump()
        }
        #expect(kept.map { String(buffer: $0) } == texts)
    }

    @Test func memoryThatNobodyHoldsIsUsedAgain() {
        let buffers = TLSBuffers()
        var seen: Set<UnsafeRawPointer> = []
        // They take what was given back to the system.
        var others: [ByteBuffer] = []
        for _ in 0..<64 {
            others.append(ByteBufferAllocator().buffer(capacity: TLSBuffers.maximumPlaintext))
            var buffer = buffers.take()
            buffer.writeString("x")
            buffer.withUnsafeReadableBytes { if let base = $0.baseAddress { seen.insert(base) } }
            buffers.giveBack(buffer)
        }
        #expect(seen.count <= 8, "as many as are kept")
    }

    @Test func recordBuffersAreKeptForTheNextRecord() throws {
        let first = try #require(COpenSSL_record_malloc(16_700, nil, 0))
        COpenSSL_record_free(first, nil, 0)
        // It takes what was given back to the system.
        let other = try #require(malloc(18 << 10))
        defer { free(other) }
        let second = try #require(COpenSSL_record_malloc(17_000, nil, 0))
        #expect(first == second)
        // Others, in number, are no records.
        let small = try #require(COpenSSL_record_malloc(100, nil, 0))
        memset(small, 1, 100)
        let grown = try #require(COpenSSL_record_realloc(small, 40_000, nil, 0))
        #expect(grown.load(fromByteOffset: 99, as: UInt8.self) == 1)
        COpenSSL_record_free(grown, nil, 0)
        COpenSSL_record_free(second, nil, 0)
        #expect(COpenSSL_record_malloc(0, nil, 0) == nil)
        COpenSSL_record_free(nil, nil, 0)
    }

    /// OpenSSL frees them as soon as a record is written.
    @Test(arguments: [1, 24, 25, 40, 41, 48, 56])
    func aSmallBlockIsKeptForTheNextOfItsSize(_ count: Int) throws {
        let first = try #require(COpenSSL_record_malloc(count, nil, 0))
        // malloc may give more than was asked for.
        let size = malloc_usable_size(first)
        #expect(size >= count)
        memset(first, 0xFF, size)
        COpenSSL_record_free(first, nil, 0)
        // It takes what was given back to the system.
        let other = try #require(malloc(size))
        defer { free(other) }
        let second = try #require(COpenSSL_record_malloc(size, nil, 0))
        #expect(first == second)
        let third = try #require(COpenSSL_record_malloc(size, nil, 0))
        #expect(third != second)
        COpenSSL_record_free(second, nil, 0)
        COpenSSL_record_free(third, nil, 0)
    }

    @Test func noMoreSmallBlocksAreKeptThanAFew() throws {
        let blocks = try (0..<500).map { try #require(COpenSSL_record_malloc($0 % 64 + 1, nil, 0)) }
        #expect(Set(blocks).count == 500)
        for (index, block) in blocks.enumerated() { memset(block, Int32(index & 0xFF), index % 64 + 1) }
        for block in blocks { COpenSSL_record_free(block, nil, 0) }
        let counts = COpenSSL_records_of_thread().pointee.small_count
        #expect([counts.0, counts.1, counts.2] == [32, 32, 32])
    }

    @Test func noMoreRecordBuffersAreKeptThanAFew() throws {
        let blocks = try (0..<100).map { _ in try #require(COpenSSL_record_malloc(16_384, nil, 0)) }
        #expect(Set(blocks).count == 100)
        for block in blocks { COpenSSL_record_free(block, nil, 0) }
        #expect(COpenSSL_records_of_thread().pointee.count == 16)
    }
}
