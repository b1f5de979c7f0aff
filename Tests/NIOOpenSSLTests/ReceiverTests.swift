// rtbridge: tests of plaintext that goes past the pipeline.
// SPDX-License-Identifier: Apache-2.0
import BridgeSockets
import NIOCore
import Testing

@testable import NIOOpenSSL

@Suite struct ReceiverTests {
    private final class Receiver: ByteReceiver {
        private(set) var reads: [Int] = []
        private(set) var received = ByteBuffer()
        var onReceive: (() -> Void)?

        func receive(_ bytes: ByteBuffer) {
            reads.append(bytes.readableBytes)
            received.writeImmutableBuffer(bytes)
            onReceive?()
        }
    }

    /// Counts what the transport is asked for.
    private final class ReadCounter: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer
        var reads = 0
        func read(context: ChannelHandlerContext) {
            reads += 1
            context.read()
        }
    }

    /// A pair whose server hands its plaintext to the receiver.
    private func connected(_ version: TLSVersion = .tls13) throws -> (Pair, Receiver) {
        let pair = try Pair.connected(version: version)
        let receiver = Receiver()
        let context = try pair.server.channel.pipeline.syncOperations.context(handlerType: Recorder.self)
        try #require(context.tlsHandler).deliver(to: receiver)
        return (pair, receiver)
    }

    @Test(arguments: [TLSVersion.tls12, .tls13], [Cuts.none, .bytes, .random(seed: 3), .random(seed: 4)])
    func everyByteComesOnceAndInOrderHoweverRecordsAreCut(_ version: TLSVersion, _ cuts: Cuts) throws {
        let (pair, receiver) = try connected(version)
        var random = SplitMix(seed: 9)
        var sent = ByteBuffer()
        for count in [1, 5, 17, 300, 16_384, 16_385, 2] {
            let bytes = ByteBuffer(bytes: random.bytes(count))
            sent.writeImmutableBuffer(bytes)
            pair.client.write(bytes)
            pair.client.flush()
        }
        try pair.pump(cuts)
        #expect(receiver.received == sent)
        #expect(pair.server.owner.reads.isEmpty)
    }

    @Test func severalRecordsOfOneReadComeTogether() throws {
        let (pair, receiver) = try connected()
        for count in [10, 20, 30] {
            pair.client.write(ByteBuffer(repeating: 1, count: count))
            pair.client.flush()
        }
        var together = ByteBuffer()
        for bytes in try pair.client.takeSent() { together.writeImmutableBuffer(bytes) }
        try pair.server.receive(together)
        #expect(receiver.reads == [60])
    }

    /// RFC 8446 §5.1: a header is 5 bytes. With 1 to 4 of them there is nothing to be opened yet.
    @Test(arguments: 1...4)
    func aHeaderThatIsCutWaitsForItsRest(_ count: Int) throws {
        let (pair, receiver) = try connected()
        for text in ["first", "second"] {
            _ = pair.client.write(text)
            pair.client.flush()
        }
        let records = try pair.client.takeSent()
        var (first, second) = (records[0], records[1])
        let start = second.readSlice(length: count)
        first.writeImmutableBuffer(try #require(start))
        try pair.server.receive(first)
        #expect(receiver.reads == [5])
        try pair.server.receive(second)
        #expect(String(buffer: receiver.received) == "firstsecond")
    }

    @Test func aCloseNotifyRightBehindDataIsToldAfterIt() throws {
        let (pair, receiver) = try connected()
        var endsWhenReceived = -1
        receiver.onReceive = { endsWhenReceived = pair.server.owner.count(.inputClosed) }
        _ = pair.client.write("last words")
        pair.client.channel.close(mode: .all, promise: nil)
        var together = ByteBuffer()
        for bytes in try pair.client.takeSent() { together.writeImmutableBuffer(bytes) }
        try pair.server.receive(together)
        #expect(String(buffer: receiver.received) == "last words")
        #expect(endsWhenReceived == 0)
        #expect(pair.server.owner.count(.inputClosed) == 1)
        #expect(pair.server.owner.errors.isEmpty)
    }

    @Test func aBrokenRecordBehindDataIsToldAfterIt() throws {
        let (pair, receiver) = try connected()
        _ = pair.client.write("good")
        pair.client.flush()
        var bytes = try #require(try pair.client.takeSent().first)
        bytes.writeBytes([23, 3, 3, 0, 20] + Array(repeating: 0, count: 20))
        try pair.server.receive(bytes)
        #expect(String(buffer: receiver.received) == "good")
        #expect(pair.server.owner.errors.map(\.kind) == [.protocolViolation])
    }

    @Test func noReadsEndIsToldAndTheNextReadIsAskedForAtOnce() throws {
        let (pair, receiver) = try connected()
        let counter = ReadCounter()
        try pair.server.channel.pipeline.syncOperations.addHandler(counter, position: .first)
        let before = pair.server.owner.count(.readComplete)
        for text in ["a", "b"] {
            _ = pair.client.write(text)
            pair.client.flush()
            try pair.pump()
        }
        #expect(receiver.reads == [1, 1])
        #expect(counter.reads == 2)
        #expect(pair.server.owner.count(.readComplete) == before)
    }

    /// Who takes its bytes from the pipeline and does not ask for more gets no more.
    @Test func withoutAReceiverNoReadIsAskedForThatTheOwnerDoesNotWant() throws {
        let pair = try Pair.connected()
        let counter = ReadCounter()
        try pair.server.channel.pipeline.syncOperations.addHandler(counter, position: .first)
        _ = pair.client.write("a")
        pair.client.flush()
        try pair.pump()
        #expect(pair.server.owner.text == "a")
        #expect(counter.reads == 0)
    }

    /// What chooses the protocol by the first bytes puts the receiver in place from within a read.
    @Test func aReceiverThatComesWithinAReadGetsTheNext() throws {
        let pair = try Pair.connected()
        let receiver = Receiver()
        pair.server.owner.onRead = { context, _ in context.tlsHandler?.deliver(to: receiver) }
        let before = pair.server.owner.count(.readComplete)
        for count in [70_000, 7] {
            pair.client.write(ByteBuffer(repeating: 1, count: count))
            pair.client.flush()
        }
        var together = ByteBuffer()
        for bytes in try pair.client.takeSent() { together.writeImmutableBuffer(bytes) }
        try pair.server.receive(together)
        #expect(pair.server.owner.reads == [65_536])
        #expect(receiver.reads == [4471])
        #expect(pair.server.owner.count(.readComplete) == before + 1, "who got bytes hears of the read's end")
    }

    @Test func aReceiverMayCloseTheConnectionAndGetsNoMore() throws {
        let (pair, receiver) = try connected()
        receiver.onReceive = { pair.server.channel.close(mode: .all, promise: nil) }
        pair.client.write(ByteBuffer(repeating: 1, count: 200_000))
        pair.client.flush()
        try pair.pump()
        #expect(receiver.reads == [65_536])
        #expect(pair.server.owner.errors.isEmpty)
    }

    @Test func aReceiverIsLetGoWithTheHandler() throws {
        weak var receiver: Receiver?
        let pair = try Pair.connected()
        do {
            let strong = Receiver()
            receiver = strong
            pair.server.handler.deliver(to: strong)
        }
        #expect(receiver != nil)
        try pair.server.channel.pipeline.syncOperations.removeHandler(pair.server.handler).wait()
        #expect(receiver == nil)
    }
}
