// rtbridge: tests of the handshake.
// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import NIOOpenSSL

@Suite struct HandshakeTests {
    @Test(arguments: [TLSVersion.tls12, .tls13])
    func bothSidesLearnWhatWasAgreed(version: TLSVersion) throws {
        var server = try TLSServerOptions.plain(alpn: ["h2", "http/1.1"])
        if version == .tls12 {
            // A server without TLS 1.3 is made by a client that has none.
            server.minimumVersion = .tls12
        }
        var client = try TLSClientOptions.trusting
        client.alpn = ["http/1.1", "h2"]
        client.minimumVersion = version
        let pair = try Pair.connected(client: client, server: server)
        let agreed = try #require(pair.server.owner.handshake)
        #expect(agreed.alpn == "h2")
        #expect(agreed.serverName == "localhost")
        #expect(agreed.version == "TLSv1.3")
        #expect(agreed.cipher == "TLS_AES_128_GCM_SHA256")
        #expect(!agreed.isResumed)
        #expect(pair.client.owner.handshake == agreed)
    }

    @Test func plaintextGoesBothWays() throws {
        let pair = try Pair.connected()
        let up = pair.client.write("hello")
        pair.client.flush()
        try pair.pump()
        #expect(pair.server.owner.text == "hello")
        try up.wait()
        _ = pair.server.write("hello yourself")
        pair.server.flush()
        try pair.pump()
        #expect(pair.client.owner.text == "hello yourself")
    }
}
