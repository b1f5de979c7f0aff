// rtbridge: tests of what a server may choose.
// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import NIOOpenSSL

@Suite struct ServerOptionsTests {
    private func problem(_ change: (inout TLSServerOptions) throws -> Void) throws -> TLSError {
        var options = try TLSServerOptions.plain
        try change(&options)
        let made = options
        let error = try #require(#expect(throws: TLSError.self) { try TLSContext.server(made) })
        #expect(error.kind == .configuration)
        return error
    }

    private func agreed(_ options: TLSServerOptions, _ version: TLSVersion) throws -> TLSHandshakeCompleted {
        let pair = try Pair.connected(server: options, version: version)
        return try #require(pair.client.owner.handshake, "\(pair.client.owner.errors)")
    }

    @Test func aListMayNameSuitesOfBothVersions() throws {
        var options = try TLSServerOptions.plain
        options.cipherSuites = [
            "ECDHE-ECDSA-CHACHA20-POLY1305", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_256_GCM_SHA384",
            "ECDHE-ECDSA-AES256-GCM-SHA384",
        ]
        // A client that puts AES first gets the server's first that is AES, ChaCha20 being for those who ask for it.
        #expect(try agreed(options, .tls13).cipher == "TLS_CHACHA20_POLY1305_SHA256")
        #expect(try agreed(options, .tls12).cipher == "ECDHE-ECDSA-CHACHA20-POLY1305")
        options.cipherSuites = ["ECDHE-ECDSA-AES256-GCM-SHA384", "TLS_AES_256_GCM_SHA384"]
        #expect(try agreed(options, .tls13).cipher == "TLS_AES_256_GCM_SHA384")
        #expect(try agreed(options, .tls12).cipher == "ECDHE-ECDSA-AES256-GCM-SHA384")
    }

    @Test func aVersionThatTheListDoesNotNameKeepsItsDefaults() throws {
        var options = try TLSServerOptions.plain
        options.cipherSuites = ["TLS_AES_256_GCM_SHA384"]
        #expect(try agreed(options, .tls13).cipher == "TLS_AES_256_GCM_SHA384")
        #expect(try agreed(options, .tls12).cipher == "ECDHE-ECDSA-AES128-GCM-SHA256")
        options.cipherSuites = ["ECDHE-ECDSA-AES256-GCM-SHA384"]
        #expect(try agreed(options, .tls13).cipher == "TLS_AES_128_GCM_SHA256")
    }

    @Test(arguments: [
        "AES-UNHEARD-OF", "TLS_AES_512_GCM_SHA3", "HIGH", "!aNULL", "ECDHE-RSA-AES128-GCM-SHA256:HIGH", "", " ",
    ])
    func anUnknownSuiteIsNamed(name: String) throws {
        let error = try problem { $0.cipherSuites = ["TLS_AES_128_GCM_SHA256", name] }
        #expect(error.reason.contains("unknown cipher suite \"\(name)\""), "\(error)")
    }

    @Test func aStandardNameIsAnsweredWithOpenSSLs() throws {
        let error = try problem { $0.cipherSuites = ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"] }
        #expect(error.reason.contains("OpenSSL spells it \"ECDHE-RSA-AES128-GCM-SHA256\""), "\(error)")
    }

    @Test func groupsMayBeChosen() throws {
        var options = try TLSServerOptions.plain
        options.groups = ["P-256", "X25519"]
        _ = try agreed(options, .tls13)
        _ = try agreed(options, .tls12)
    }

    @Test(arguments: ["X25520", "", "X25519:P-256"])
    func anUnknownGroupIsNamed(name: String) throws {
        let error = try problem { $0.groups = ["X25519", name] }
        #expect(error.reason.contains("unknown key exchange group \"\(name)\""), "\(error)")
    }

    @Test(arguments: ["", String(repeating: "x", count: 256)])
    func aProtocolNameIsOneTo255Bytes(name: String) throws {
        let error = try problem { $0.alpn = ["h2", name] }
        #expect(error.reason.contains("not 1 to 255 bytes"), "\(error)")
    }

    @Test func aServerNeedsACertificate() throws {
        let error = try problem { $0.credentials = [] }
        #expect(error.reason.contains("needs a certificate"), "\(error)")
    }

    @Test func twoCertificatesWithKeysOfOneTypeAreRefused() throws {
        let error = try problem { $0.credentials.append(try TLSCredentials.selfSigned(names: ["other"])) }
        #expect(error.reason.contains("same type"), "\(error)")
    }

    @Test func aWeakKeyIsRefusedWithOpenSSLsReason() throws {
        let scratch = try Scratch()
        try scratch.openssl("req -x509 -newkey rsa:1024 -nodes -keyout @weak.key -out @weak.pem -days 2 -subj /CN=weak")
        let error = try problem {
            $0.credentials = [
                try TLSCredentials.load(certFile: scratch.path("weak.pem"), keyFile: scratch.path("weak.key"))
            ]
        }
        #expect(error.reason.contains("ee key too small"), "\(error)")
    }

    @Test func anECDSAAndAnRSACertificateServeTheClientsOfEach() throws {
        let scratch = try Scratch()
        try scratch.makeRSA("rsa")
        var options = try TLSServerOptions.plain
        options.credentials.append(
            try TLSCredentials.load(certFile: scratch.path("rsa.pem"), keyFile: scratch.path("rsa.key")))
        // TLS 1.2's cipher says which certificate it was.
        for (cipher, trusted) in [
            ("ECDHE-ECDSA-AES128-GCM-SHA256", 0), ("ECDHE-RSA-AES128-GCM-SHA256", 1),
        ] {
            options.cipherSuites = [cipher]
            var client = TLSClientOptions()
            client.trust = .pem(options.credentials[trusted].certificatePEM)
            let pair = try Pair.connected(client: client, server: options, version: .tls12)
            #expect(pair.client.owner.handshake?.cipher == cipher, "\(pair.client.owner.errors)")
        }
    }
}
