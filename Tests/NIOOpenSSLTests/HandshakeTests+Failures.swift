// rtbridge: tests of handshakes and records that fail.
// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import NIOOpenSSL

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
