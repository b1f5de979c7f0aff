// rtbridge: tests with peers that mean harm.
// SPDX-License-Identifier: Apache-2.0
import COpenSSL
import NIOCore
import Testing

@testable import NIOOpenSSL

@Suite struct HostilePeerTests {
    // MARK: Floods

    /// Records with a KeyUpdate each that asks for one in return (RFC 8446 §4.6.3).
    private func keyUpdates(_ count: Int, from end: End) throws -> ByteBuffer {
        let connection = try #require(end.handler.connection)
        for _ in 0..<count {
            SSL_key_update(connection.ssl, SSL_KEY_UPDATE_REQUESTED)
            SSL_do_handshake(connection.ssl)
        }
        return try #require(connection.takeOutbound())
    }

    @Test func keyUpdatesAreObeyed() throws {
        let pair = try Pair.connected()
        for round in 0..<200 {
            try pair.server.receive(keyUpdates(3, from: pair.client))
            _ = pair.client.write("\(round),")
            _ = pair.server.write("\(round),")
            pair.client.flush()
            pair.server.flush()
            try pair.pump()
        }
        let text = (0..<200).map { "\($0)," }.joined()
        #expect(pair.server.owner.text == text)
        #expect(pair.client.owner.text == text)
        #expect(pair.server.owner.errors == [])
    }

    @Test func aFloodOfKeyUpdatesEndsTheConnectionEarly() throws {
        let pair = try Pair.connected()
        let flood = try keyUpdates(2000, from: pair.client)
        try pair.server.receive(flood)
        let error = try #require(pair.server.owner.errors.first)
        #expect(error.kind == .protocolViolation)
        #expect(error.reason.contains("flood of handshake messages"), "\(error)")
        pair.server.channel.embeddedEventLoop.run()
        #expect(!pair.server.channel.isActive)
        let answered = try pair.server.takeSent().reduce(0) { $0 + $1.readableBytes }
        #expect(answered < 2000, "a flood is not answered in kind")
    }

    @Test func aFloodThatComesRecordByRecordEndsTheConnectionToo() throws {
        let pair = try Pair.connected()
        var sent = 0
        while sent < 1000, pair.server.owner.errors.isEmpty {
            try pair.server.receive(keyUpdates(1, from: pair.client))
            sent += 1
        }
        #expect(pair.server.owner.errors.map(\.kind) == [.protocolViolation])
        #expect((20...100).contains(sent), "\(sent) is no flood, or too much of one")
    }

    /// Each refusal is an alert, which a peer that does not read would have us keep.
    @Test func aFloodOfRenegotiationsEndsTheConnection() throws {
        let pair = try Pair.connected(version: .tls12)
        let server = try #require(pair.server.handler.connection)
        SSL_clear_options(server.ssl, COpenSSL_SSL_OP_NO_RENEGOTIATION)
        var sent = 0
        for _ in 0..<200 where pair.client.owner.errors.isEmpty {
            // A HelloRequest: "please renegotiate" (RFC 5246 §7.4.1.1).
            SSL_renegotiate(server.ssl)
            SSL_do_handshake(server.ssl)
            guard let request = server.takeOutbound() else { break }
            sent += 1
            try pair.client.receive(request)
        }
        #expect(sent > 1)
        #expect(pair.client.owner.errors.map(\.kind) == [.protocolViolation], "after \(sent)")
        let answered = try pair.client.takeSent().reduce(0) { $0 + $1.readableBytes }
        #expect(answered < 10_000)
    }

    @Test func aClientsRenegotiationIsRefused() async throws {
        let server = try await LiveServer.start(.plain) { LineServer() }
        let outcome = try Command(
            arguments: ["openssl", "s_client", "-connect", "127.0.0.1:\(server.port)", "-tls1_2"], input: "R\n"
        ).run()
        #expect(outcome.output.contains("RENEGOTIATING"), "\(outcome.output)")
        #expect(outcome.output.contains("no renegotiation"), "\(outcome.output)")
        try await server.stop()
    }

    // MARK: Random bytes

    @Test func randomBytesForAServerMakeAnErrorAndNothingElse() throws {
        let context = try TLSContext.server(.plain(alpn: ["h2"]))
        for seed in UInt64(0)..<3000 {
            var random = SplitMix(seed: seed)
            let server = try End(TLSHandler(server: context))
            try server.activate()
            var bytes = random.bytes(Int.random(in: 1...600, using: &random))
            // Half of them look like a handshake record at first.
            if Bool.random(using: &random) { bytes.replaceSubrange(0..<min(3, bytes.count), with: [22, 3, 1]) }
            try server.receive(ByteBuffer(bytes: bytes))
            server.channel.pipeline.fireChannelInactive()
            #expect(server.owner.errors.count == 1, "seed \(seed)")
            #expect(server.owner.reads.isEmpty, "seed \(seed)")
            #expect(server.owner.notes.last == .inactive, "seed \(seed)")
        }
    }

    @Test func aSpoiltClientHelloNeverTraps() throws {
        let context = try TLSContext.server(.plain(alpn: ["h2"]))
        let client = try End(TLSHandler(client: .client(.trusting(alpn: ["h2", "x"])), serverName: "localhost"))
        try client.activate()
        let hello = Array(buffer: try #require(try client.takeSent().first))
        for seed in UInt64(0)..<3000 {
            var random = SplitMix(seed: seed)
            var spoilt = hello
            for _ in 0..<Int.random(in: 1...8, using: &random) {
                spoilt[Int.random(in: 0..<spoilt.count, using: &random)] = UInt8(truncatingIfNeeded: random.next())
            }
            if Int.random(in: 0..<4, using: &random) == 0 {
                spoilt.removeLast(Int.random(in: 0..<spoilt.count, using: &random))
            }
            let server = try End(TLSHandler(server: context))
            try server.activate()
            try server.receive(ByteBuffer(bytes: spoilt))
            server.channel.pipeline.fireChannelInactive()
            #expect(server.owner.errors.count == 1, "seed \(seed)")
            #expect(server.owner.handshake == nil, "seed \(seed)")
        }
    }

    @Test(arguments: [TLSVersion.tls12, .tls13])
    func spoiltRecordsEndAnEstablishedConnection(version: TLSVersion) throws {
        let clientContext = try TLSContext.client(.trusting)
        let serverContext = try TLSContext.server(.plain)
        if version == .tls12 { serverContext.limitToTLS12() }
        for seed in UInt64(0)..<1000 {
            var random = SplitMix(seed: seed)
            let pair = try Pair(client: clientContext, server: serverContext)
            try pair.start()
            try pair.pump()
            _ = pair.client.write(ByteBuffer(bytes: random.bytes(500)))
            pair.client.flush()
            var record = Array(buffer: try #require(try pair.client.takeSent().first))
            let place = Int.random(in: 0..<record.count, using: &random)
            record[place] ^= UInt8.random(in: 1...255, using: &random)
            try pair.server.receive(ByteBuffer(bytes: record))
            pair.server.channel.pipeline.fireChannelInactive()
            #expect(pair.server.owner.received.readableBytes == 0, "seed \(seed)")
            #expect(pair.server.owner.errors.count == 1, "seed \(seed)")
            #expect(pair.server.owner.notes.last == .inactive, "seed \(seed)")
            pair.finish()
        }
    }

    @Test func randomBytesForAClientMakeAnErrorAndNothingElse() throws {
        let context = try TLSContext.client(.trusting)
        for seed in UInt64(0)..<1000 {
            var random = SplitMix(seed: seed)
            let client = try End(TLSHandler(client: context, serverName: "localhost"))
            try client.activate()
            var bytes = random.bytes(Int.random(in: 1...600, using: &random))
            if Bool.random(using: &random) { bytes.replaceSubrange(0..<min(3, bytes.count), with: [22, 3, 3]) }
            try client.receive(ByteBuffer(bytes: bytes))
            client.channel.pipeline.fireChannelInactive()
            #expect(client.owner.errors.count == 1, "seed \(seed)")
            #expect(client.owner.handshake == nil, "seed \(seed)")
        }
    }
}
