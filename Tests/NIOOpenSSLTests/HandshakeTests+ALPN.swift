// rtbridge: tests of the choice of a protocol.
// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import NIOOpenSSL

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
