// rtbridge: tests of the handshake.
// SPDX-License-Identifier: Apache-2.0
import COpenSSL
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
        #expect(pair.client.handler.queue.queuedBytes == 13)
        try pair.pump()
        #expect(pair.server.owner.text == "one,two,")
        try first.wait()
        try second.wait()
        pair.client.flush()
        try pair.pump()
        #expect(pair.server.owner.text == "one,two,three")
        try third.wait()
        #expect(pair.client.handler.queue.queuedBytes == 0)
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

// MARK: - What else is on the thread

extension HandshakeTests {
    /// SSL_get_error(3) takes any entry of the thread's queue for the last call's.
    @Test(arguments: [TLSVersion.tls12, .tls13])
    func anotherCallsErrorIsNotTheConnections(version: TLSVersion) throws {
        let pair = try Pair(version: version)
        pair.server.owner.onNote = { _, _ in BIO_free(BIO_new_file("/nowhere", "r")) }
        pair.client.owner.onNote = { _, _ in BIO_free(BIO_new_file("/nowhere", "r")) }
        try pair.start()
        for word in ["one ", "two ", "three"] {
            BIO_free(BIO_new_file("/nowhere", "r"))
            _ = pair.client.write(word)
            pair.client.flush()
            for bytes in try pair.client.takeSent() { try pair.server.receive(bytes) }
            BIO_free(BIO_new_file("/nowhere", "r"))
            for bytes in try pair.server.takeSent() { try pair.client.receive(bytes) }
        }
        try pair.pump(.bytes)
        try pair.client.channel.close(mode: .output).wait()
        BIO_free(BIO_new_file("/nowhere", "r"))
        try pair.pump()
        #expect(pair.server.owner.text == "one two three")
        #expect(pair.server.owner.count(.inputClosed) == 1)
        #expect(pair.server.owner.errors + pair.client.owner.errors == [])
    }

    /// While half of a post-handshake message is in, OpenSSL writes nothing.
    @Test func aTicketThatComesInTwoRecordsHoldsWritesUpUntilItIsWhole() throws {
        let name = (0..<4).map { _ in String(repeating: "n", count: 60) }.joined(separator: ".")
        let protocols = [String(repeating: "p", count: 255)]
        var options = TLSClientOptions(alpn: protocols)
        options.verification = .none
        let pair = try Pair(client: options, server: .plain(alpn: protocols), name: name)
        try pair.start()
        // The shortest records that OpenSSL makes; name and protocol make the ticket longer than one.
        SSL_ctrl(pair.server.handler.connection?.ssl, SSL_CTRL_SET_MAX_SEND_FRAGMENT, 512, nil)
        for _ in 0..<2 {
            for bytes in try pair.client.takeSent() { try pair.server.receive(bytes) }
            if pair.server.owner.handshake != nil { break }
            for bytes in try pair.server.takeSent() { try pair.client.receive(bytes) }
        }
        var tickets = try #require(try pair.server.takeSent().first)
        let first = try #require(Record.all(in: [tickets])?.first)
        #expect(first.length == 512 + 17)

        try pair.client.receive(tickets.readSlice(length: 5 + first.length)!)
        let write = pair.client.write("held up")
        let close = pair.client.channel.close(mode: .output)
        #expect(try pair.client.takeSent().isEmpty)
        try pair.client.receive(tickets)
        try write.wait()
        try close.wait()
        try pair.pump()
        #expect(pair.server.owner.text == "held up")
        #expect(pair.server.owner.count(.inputClosed) == 1)
    }
}

// MARK: - ALPN

extension HandshakeTests {
    @Test(arguments: [
        (["h2", "http/1.1"], ["http/1.1", "h2"], "h2"),
        (["http/1.1", "h2"], ["h2", "http/1.1"], "http/1.1"),
        (["h2", "http/1.1"], ["http/1.1"], "http/1.1"),
        (["h2"], ["spdy/3", "h2"], "h2"),
    ])
    func theServersOrderDecidesTheProtocol(served: [String], offered: [String], chosen: String) throws {
        let pair = try Pair.connected(client: .trusting(alpn: offered), server: .plain(alpn: served))
        #expect(pair.server.owner.handshake?.alpn == chosen)
        #expect(pair.client.owner.handshake?.alpn == chosen)
    }

    @Test(arguments: [(["h2"], []), ([], ["h2"]), ([], [])])
    func withoutAnOfferOrWithoutAChoiceThereIsNoProtocol(served: [String], offered: [String]) throws {
        let pair = try Pair.connected(client: .trusting(alpn: offered), server: .plain(alpn: served))
        let agreed = try #require(pair.server.owner.handshake)
        #expect(agreed.alpn == nil)
        #expect(pair.client.owner.handshake?.alpn == nil)
    }

    /// RFC 7301 §3.2.
    @Test(arguments: [TLSVersion.tls12, .tls13])
    func noProtocolInCommonIsAnAlertAndAnErrorOnBothSides(version: TLSVersion) throws {
        let pair = try Pair.connected(
            client: .trusting(alpn: ["spdy/3"]), server: .plain(alpn: ["h2"]), version: version)
        let here = try #require(pair.server.owner.errors.first)
        #expect(here.kind == .handshakeFailed)
        #expect(here.reason.contains("no application protocol"), "\(here)")
        #expect(here.reason.contains("ALPN"), "\(here)")
        let there = try #require(pair.client.owner.errors.first)
        #expect(there.kind == .handshakeFailed)
        #expect(there.peerAlert == "no application protocol")
        #expect(!pair.server.channel.isActive)
        #expect(!pair.client.channel.isActive)
        // Alert 120 is no_application_protocol; the alert's record is the last that the server sent.
        let alert = try #require(pair.server.sent.last)
        #expect(Array(buffer: alert) == [21, 3, 3, 0, 2, 2, 120])
    }
}

// MARK: - Failures

extension HandshakeTests {
    @Test func plainHTTPIsToldFromTLS() throws {
        let server = try End(TLSHandler(server: .server(.plain)))
        try server.activate()
        try server.receive(ByteBuffer(string: "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"))
        let error = try #require(server.owner.errors.first)
        #expect(error.kind == .handshakeFailed)
        #expect(error.reason.contains("http request"), "\(error)")
        #expect(error.reason.contains("plain HTTP"), "\(error)")
        server.channel.embeddedEventLoop.run()
        #expect(!server.channel.isActive)
        #expect(server.owner.errors.count == 1)
    }

    @Test func aClientThatMeetsAPlainServerIsToldSo() throws {
        let client = try End(TLSHandler(client: .client(.trusting), serverName: "localhost"))
        try client.activate()
        try client.receive(ByteBuffer(string: "HTTP/1.1 400 Bad Request\r\n\r\n"))
        let error = try #require(client.owner.errors.first)
        #expect(error.reason.contains("does not speak TLS"), "\(error)")
    }

    @Test func aVersionBelowTheMinimumIsRefusedWithAnAlert() throws {
        var options = try TLSClientOptions.trusting
        options.minimumVersion = .tls13
        let pair = try Pair.connected(client: options, version: .tls12)
        let here = try #require(pair.server.owner.errors.first)
        #expect(here.kind == .handshakeFailed)
        #expect(here.reason.contains("unsupported protocol"), "\(here)")
        #expect(pair.client.owner.errors.first?.peerAlert == "protocol version")
    }

    @Test func noCipherInCommonIsNamed() throws {
        var options = try TLSServerOptions.plain
        options.cipherSuites = ["ECDHE-RSA-AES128-GCM-SHA256"]
        let pair = try Pair.connected(server: options, version: .tls12)
        #expect(pair.server.owner.errors.first?.reason.contains("no shared cipher") == true)
        #expect(pair.client.owner.errors.first?.peerAlert == "handshake failure")
    }

    @Test func noGroupInCommonIsNamed() throws {
        var options = try TLSServerOptions.plain
        options.groups = ["P-384"]
        let pair = try Pair.connected(server: options)
        let error = try #require(pair.server.owner.errors.first)
        #expect(error.reason.contains("no key exchange group"), "\(error)")
    }

    @Test func anEndBeforeTheHandshakesEndIsAFailedHandshake() throws {
        let pair = try Pair()
        try pair.start()
        let write = pair.client.write("never sent")
        pair.client.flush()
        _ = try? pair.client.channel.close().wait()
        let server = pair.server
        _ = try pair.client.takeSent()
        server.channel.pipeline.fireChannelInactive()
        let error = try #require(server.owner.errors.first)
        #expect(error.kind == .handshakeFailed)
        #expect(error.reason.contains("before the handshake was complete"))
        #expect(server.owner.notes.last == .inactive)
        #expect(server.owner.errors.count == 1)
        #expect(throws: TLSError.self) { try write.wait() }
    }

    @Test func aHalfCloseBeforeTheHandshakesEndIsAFailedHandshakeAndTheChannelCloses() throws {
        let pair = try Pair()
        try pair.start()
        pair.server.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        #expect(pair.server.owner.errors.first?.kind == .handshakeFailed)
        #expect(pair.server.owner.count(.inputClosed) == 0)
        pair.server.channel.embeddedEventLoop.run()
        #expect(!pair.server.channel.isActive)
    }

    @Test func whatIsQueuedFailsWithTheHandshakesError() throws {
        let pair = try Pair(client: .trusting(alpn: ["spdy/3"]), server: .plain(alpn: ["h2"]))
        try pair.start()
        let write = pair.client.write("never sent")
        pair.client.flush()
        try pair.pump()
        let error = try #require(#expect(throws: TLSError.self) { try write.wait() })
        #expect(error.peerAlert == "no application protocol")
    }

    @Test func nothingIsReadAfterAnError() throws {
        let pair = try Pair.connected()
        _ = pair.client.write("good")
        pair.client.flush()
        var good = try #require(try pair.client.takeSent().first)
        _ = pair.client.write("more")
        pair.client.flush()
        let more = try #require(try pair.client.takeSent().first)
        // The last byte belongs to the tag.
        good.setInteger(~good.getInteger(at: good.writerIndex - 1, as: UInt8.self)!, at: good.writerIndex - 1)
        try pair.server.receive(good)
        try pair.server.receive(more)
        #expect(pair.server.owner.received.readableBytes == 0)
        let error = try #require(pair.server.owner.errors.first)
        #expect(error.kind == .protocolViolation)
        #expect(error.reason.contains("decryption failed or bad record mac"), "\(error)")
        #expect(pair.server.owner.errors.count == 1)
        try pair.pump()
        let told = try #require(pair.client.owner.errors.first)
        #expect(told.kind == .alertReceived)
        #expect(told.peerAlert == "bad record mac")
        #expect(!pair.client.channel.isActive)
    }
}
