// rtbridge: tests of whom a client trusts.
// SPDX-License-Identifier: Apache-2.0
import COpenSSL
import NIOCore
import Testing

@testable import NIOOpenSSL

@Suite struct VerificationTests {
    /// What the client and the server say when `client` meets the shared certificate under `name`.
    private func meet(
        _ client: TLSClientOptions, server: TLSServerOptions? = nil, name: String?
    ) throws -> (client: End, server: End) {
        let pair = try Pair(client: client, server: server, name: name)
        try pair.start()
        try pair.pump()
        return (pair.client, pair.server)
    }

    @Test(arguments: ["localhost", "LOCALHOST", "localhost.", "127.0.0.1", "::1"])
    func aTrustedCertificateWithTheNameIsTaken(name: String) throws {
        let met = try meet(.trusting, name: name)
        #expect(met.client.owner.errors == [])
        #expect(met.client.owner.handshake != nil)
        #expect(met.server.owner.handshake != nil)
    }

    @Test func namesAreSentAndAddressesAreNot() throws {
        #expect(try meet(.trusting, name: "localhost.").server.owner.handshake?.serverName == "localhost")
        let met = try meet(.trusting, name: "127.0.0.1")
        #expect(met.server.owner.handshake?.alpn == nil)
        #expect(try #require(met.server.owner.handshake).serverName == nil)
    }

    @Test func anUnknownCAIsNamedOnBothSides() throws {
        var options = TLSClientOptions()
        options.trust = .pem(try TLSCredentials.selfSigned(names: ["other"]).certificatePEM)
        let met = try meet(options, name: "localhost")
        let error = try #require(met.client.owner.errors.first)
        #expect(error.kind == .certificateVerification)
        #expect(error.reason.contains("self-signed certificate"), "\(error)")
        #expect(error.reason.contains("localhost"), "\(error)")
        #expect(!met.client.channel.isActive)
        let told = try #require(met.server.owner.errors.first)
        #expect(told.kind == .handshakeFailed)
        #expect(told.peerAlert == "unknown CA")
        #expect(told.reason.contains("tlsv1 alert unknown ca"), "\(told)")
    }

    @Test func theSystemDoesNotTrustADevelopmentCertificate() throws {
        let met = try meet(TLSClientOptions(), name: "localhost")
        #expect(met.client.owner.errors.first?.kind == .certificateVerification)
    }

    @Test(arguments: ["example.com", "127.0.0.2", "::2", "local", "xlocalhost"])
    func aCertificateForAnotherNameIsRefusedAndItsNamesAreListed(name: String) throws {
        let met = try meet(.trusting, name: name)
        let error = try #require(met.client.owner.errors.first)
        #expect(error.kind == .certificateVerification)
        #expect(error.reason.contains("mismatch"), "\(error)")
        #expect(error.reason.contains(name), "\(error)")
        #expect(error.reason.contains("it has localhost, 127.0.0.1, 0:0:0:0:0:0:0:1"), "\(error)")
        #expect(met.server.owner.errors.first?.peerAlert == "bad certificate")
    }

    /// RFC 9525 §6.3: the wildcard is the whole left-most label and matches one label.
    @Test(arguments: [("a.example.com", true), ("example.com", false), ("a.b.example.com", false)])
    func aWildcardStandsForOneLabel(name: String, isTaken: Bool) throws {
        let credentials = try TLSCredentials.selfSigned(names: ["*.example.com"])
        var options = TLSClientOptions()
        options.trust = .pem(credentials.certificatePEM)
        let met = try meet(options, server: TLSServerOptions(credentials: [credentials]), name: name)
        #expect(met.client.owner.errors.isEmpty == isTaken)
    }

    @Test func withoutVerificationAnyCertificateIsTaken() throws {
        var options = TLSClientOptions()
        options.verification = .none
        #expect(try meet(options, name: "example.com").client.owner.handshake?.serverName == "example.com")
        #expect(try meet(options, name: nil).client.owner.errors == [])
    }

    @Test func fullVerificationNeedsAName() throws {
        let met = try meet(.trusting, name: nil)
        let error = try #require(met.client.owner.errors.first)
        #expect(error.kind == .configuration)
        #expect(error.reason.contains("server's name"), "\(error)")
        #expect(!met.client.channel.isActive)
        #expect(met.client.sent.isEmpty, "nothing is said to a server that cannot be verified")
    }

    @Test(arguments: ["", "a b", "a/b", "."])
    func aNameThatIsNoneIsRefused(name: String) throws {
        let met = try meet(.trusting, name: name)
        #expect(met.client.owner.errors.first?.kind == .configuration)
    }

    @Test func aChainIsFollowedToItsRoot() throws {
        let scratch = try Scratch()
        try scratch.makeChain()
        let key = scratch.path("leaf.key")
        let whole = TLSServerOptions(
            credentials: [try TLSCredentials.load(certFile: scratch.path("chain.pem"), keyFile: key)])
        var options = TLSClientOptions()
        options.trust = .file(scratch.path("root.pem"))
        #expect(try meet(options, server: whole, name: "localhost").client.owner.errors == [])

        let leafAlone = TLSServerOptions(
            credentials: [try TLSCredentials.load(certFile: scratch.path("leaf.pem"), keyFile: key)])
        let error = try #require(try meet(options, server: leafAlone, name: "localhost").client.owner.errors.first)
        #expect(error.reason.contains("unable to get local issuer certificate"), "\(error)")
        #expect(error.reason.contains("intermediates"), "\(error)")
    }

    @Test(arguments: ["middle.pem", "leaf.pem"])
    func whatTheTrustFileNamesIsTrustedWithoutItsRoot(trusted: String) throws {
        let scratch = try Scratch()
        try scratch.makeChain()
        let credentials = try TLSCredentials.load(
            certFile: scratch.path("leaf.pem"), keyFile: scratch.path("leaf.key"))
        var options = TLSClientOptions()
        options.trust = .file(scratch.path(trusted))
        let met = try meet(options, server: TLSServerOptions(credentials: [credentials]), name: "localhost")
        #expect(met.client.owner.errors == [])
    }

    @Test func anExpiredCertificateIsToldSo() throws {
        let credentials = try TLSCredentials.selfSigned(names: ["localhost"])
        X509_gmtime_adj(X509_getm_notAfter(credentials.storage.certificate), -60)
        X509_sign(credentials.storage.certificate, credentials.storage.key, EVP_sha256())
        var options = TLSClientOptions()
        options.trust = .pem(credentials.certificatePEM)
        let met = try meet(options, server: TLSServerOptions(credentials: [credentials]), name: "localhost")
        let error = try #require(met.client.owner.errors.first)
        #expect(error.reason.contains("certificate has expired"), "\(error)")
        #expect(met.server.owner.errors.first?.peerAlert == "certificate expired")
    }

    @Test(arguments: [("garbage", "no certificate"), ("", "no certificate")])
    func aTrustFileWithoutCertificatesIsRefused(text: String, reason: String) throws {
        let scratch = try Scratch()
        let path = try scratch.write(text, "roots.pem")
        var options = TLSClientOptions()
        options.trust = .file(path)
        let error = try #require(#expect(throws: TLSError.self) { try TLSContext.client(options) })
        #expect(error.path == path)
        #expect(error.reason.contains(reason), "\(error)")
        options.trust = .file(scratch.path("missing.pem"))
        #expect(throws: TLSError.self) { try TLSContext.client(options) }
    }
}
