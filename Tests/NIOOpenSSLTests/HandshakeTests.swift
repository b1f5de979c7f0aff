// rtbridge: tests of the handshake.
// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOEmbedded
import Testing

@testable import NIOOpenSSL

@Suite struct HandshakeTests {
    @Test func bothSidesLearnWhatTLS13Agreed() throws {
        let pair = try Pair.connected(client: .trusting(alpn: ["h2"]), server: .plain(alpn: ["h2", "http/1.1"]))
        let agreed = TLSHandshakeCompleted(
            alpn: "h2", serverName: "localhost", version: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256", isResumed: false)
        #expect(pair.server.owner.handshake == agreed)
        #expect(pair.client.owner.handshake == agreed)
    }

    @Test func bothSidesLearnWhatTLS12Agreed() throws {
        let pair = try Pair.connected(
            client: .trusting(alpn: ["h2"]), server: .plain(alpn: ["h2", "http/1.1"]), version: .tls12)
        let agreed = TLSHandshakeCompleted(
            alpn: "h2", serverName: "localhost", version: "TLSv1.2", cipher: "ECDHE-ECDSA-AES128-GCM-SHA256",
            isResumed: false)
        #expect(pair.server.owner.handshake == agreed)
        #expect(pair.client.owner.handshake == agreed)
    }

    @Test(arguments: [TLSVersion.tls12, .tls13])
    func plaintextGoesBothWays(version: TLSVersion) throws {
        let pair = try Pair.connected(version: version)
        let up = pair.client.write("hello")
        pair.client.flush()
        try pair.pump()
        #expect(pair.server.owner.text == "hello")
        try up.wait()
        let down = pair.server.write("hello yourself")
        pair.server.flush()
        try pair.pump()
        #expect(pair.client.owner.text == "hello yourself")
        try down.wait()
    }

    @Test(arguments: [TLSVersion.tls12, .tls13], [Cuts.bytes, .random(seed: 1), .random(seed: 2)])
    func aHandshakeMayBeCutAnywhere(version: TLSVersion, cuts: Cuts) throws {
        let pair = try Pair(version: version)
        try pair.start()
        _ = pair.client.write("early")
        pair.client.flush()
        try pair.pump(cuts)
        #expect(pair.server.owner.text == "early", "\(cuts)")
        #expect(pair.server.owner.count(.readComplete) > 0)
    }

    @Test func theEventComesBeforeAnyPlaintext() throws {
        let pair = try Pair()
        try pair.start()
        _ = pair.client.write("early")
        pair.client.flush()
        try pair.pump()
        let agreed = try #require(pair.server.owner.handshake)
        let seen = pair.server.owner.notes.filter { $0 != .readComplete }
        #expect(seen == [.active, .handshake(agreed), .read(5)])
    }

    @Test func whatIsWrittenBeforeTheHandshakeIsSentAfterItInOrder() throws {
        let pair = try Pair()
        try pair.start()
        let first = pair.client.write("one,")
        let second = pair.client.write("two,")
        pair.client.flush()
        let third = pair.client.write("three")
        #expect(pair.client.handler.queuedBytes == 13)
        try pair.pump()
        #expect(pair.server.owner.text == "one,two,")
        try first.wait()
        try second.wait()
        pair.client.flush()
        try pair.pump()
        #expect(pair.server.owner.text == "one,two,three")
        try third.wait()
        #expect(pair.client.handler.queuedBytes == 0)
    }

    @Test func aHandlerAddedToAnActiveChannelBeginsAtOnce() throws {
        let channel = EmbeddedChannel()
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        let context = try TLSContext.client(.trusting)
        try channel.pipeline.syncOperations.addHandler(TLSHandler(client: context, serverName: "localhost"))
        let hello = try #require(try channel.readOutbound(as: ByteBuffer.self))
        // RFC 8446 §5.1: handshake is 22.
        #expect(Record.all(in: [hello])?.map(\.type) == [22])
        _ = try? channel.finish()
    }

    @Test func withoutAutomaticReadsTheHandshakeAsksForBytesItself() throws {
        final class Reads: ChannelOutboundHandler {
            typealias OutboundIn = ByteBuffer
            var count = 0
            func read(context: ChannelHandlerContext) {
                count += 1
                context.read()
            }
        }
        let pair = try Pair()
        let reads = Reads()
        try pair.server.channel.pipeline.syncOperations.addHandler(reads, position: .first)
        try pair.start()
        #expect(reads.count == 1)
        for bytes in try pair.client.takeSent() { try pair.server.receive(bytes) }
        #expect(reads.count == 2)
        try pair.pump()
        #expect(pair.server.owner.handshake != nil)

        // From here on a read that makes no plaintext is followed by another, if the owner asked for one.
        let quiet = reads.count
        _ = pair.client.write("hello")
        pair.client.flush()
        var record = try #require(try pair.client.takeSent().first)
        try pair.server.receive(record.readSlice(length: 7)!)
        #expect(reads.count == quiet)
        pair.server.channel.read()
        try pair.server.receive(record.readSlice(length: 7)!)
        #expect(reads.count == quiet + 2)
        try pair.server.receive(record)
        #expect(reads.count == quiet + 2)
        #expect(pair.server.owner.text == "hello")
    }
}
