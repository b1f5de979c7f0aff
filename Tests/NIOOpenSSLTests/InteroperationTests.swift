// rtbridge: tests with the system's own TLS clients.
// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import NIOOpenSSL

@Suite(.timeLimit(.minutes(2))) struct InteroperationTests {
    private let scratch: Scratch
    private let trusted: String

    init() throws {
        scratch = try Scratch()
        trusted = try scratch.write(Shared.credentials.get().certificatePEM, "trusted.pem")
    }

    private func openSSL(_ server: LiveServer, _ options: [String], input: String = "hello\n") throws -> Command.Outcome
    {
        try Command(
            arguments: [
                "openssl", "s_client", "-connect", "127.0.0.1:\(server.port)", "-servername", "localhost", "-CAfile",
                trusted, "-verify_return_error", "-verify_hostname", "localhost",
            ] + options, input: input
        ).run()
    }

    private func gnuTLS(_ server: LiveServer, _ options: [String], input: String = "hello\n") throws -> Command.Outcome
    {
        try Command(
            arguments: [
                "gnutls-cli", "--port", "\(server.port)", "--x509cafile", trusted, "--sni-hostname", "localhost",
                "--verify-hostname", "localhost",
            ] + options + ["127.0.0.1"], input: input
        ).run()
    }

    @Test(arguments: ["-tls1_2", "-tls1_3"], ["h2,http/1.1", "http/1.1"])
    func openSSLsClientAgreesOnAVersionAndAProtocol(version: String, offered: String) async throws {
        let server = try await LiveServer.start(.plain(alpn: ["h2", "http/1.1"])) { LineServer() }
        let outcome = try openSSL(server, [version, "-alpn", offered])
        let chosen = offered == "http/1.1" ? "http/1.1" : "h2"
        #expect(outcome.output.contains("ALPN protocol: \(chosen)"), "\(outcome.output)")
        #expect(outcome.output.contains("Verification: OK"), "\(outcome.output)")
        #expect(outcome.output.contains("Server Temp Key: X25519"), "\(outcome.output)")
        #expect(outcome.output.contains("Compression: NONE"), "\(outcome.output)")
        #expect(outcome.output.contains("you said: hello"), "\(outcome.output)")
        let agreed = try #require(await server.handshakes.next())
        #expect(agreed.alpn == chosen)
        #expect(agreed.serverName == "localhost")
        #expect(agreed.version == (version == "-tls1_2" ? "TLSv1.2" : "TLSv1.3"))
        try await server.stop()
    }

    @Test func openSSLsClientIsToldThatThereIsNoProtocol() async throws {
        let server = try await LiveServer.start(.plain(alpn: ["h2"])) { LineServer() }
        let outcome = try openSSL(server, ["-alpn", "spdy/3"])
        #expect(outcome.status != 0)
        #expect(outcome.output.contains("alert no application protocol"), "\(outcome.output)")
        #expect(await server.errors.next()?.kind == .handshakeFailed)
        try await server.stop()
    }

    /// The default of TLS 1.2 for a client without AES in hardware.
    @Test func aClientThatPrefersChaChaGetsIt() async throws {
        let server = try await LiveServer.start(.plain) { LineServer() }
        _ = try openSSL(
            server, ["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES128-GCM-SHA256"])
        #expect(await server.handshakes.next()?.cipher == "ECDHE-ECDSA-CHACHA20-POLY1305")
        _ = try openSSL(
            server, ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256"])
        #expect(await server.handshakes.next()?.cipher == "ECDHE-ECDSA-AES128-GCM-SHA256")
        try await server.stop()
    }

    @Test(arguments: ["NORMAL:-VERS-ALL:+VERS-TLS1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.3"])
    func gnuTLSsClientAgreesOnAVersionAndAProtocol(priority: String) async throws {
        let server = try await LiveServer.start(.plain(alpn: ["h2", "http/1.1"])) { LineServer() }
        let outcome = try gnuTLS(server, ["--priority", priority, "--alpn", "h2"])
        #expect(outcome.output.contains("The certificate is trusted"), "\(outcome.output)")
        #expect(outcome.output.contains("Application protocol: h2"), "\(outcome.output)")
        #expect(outcome.output.contains("you said: hello"), "\(outcome.output)")
        #expect(outcome.output.contains("Peer has closed the GnuTLS connection"), "\(outcome.output)")
        let agreed = try #require(await server.handshakes.next())
        #expect(agreed.alpn == "h2")
        #expect(agreed.version == (priority.hasSuffix("2") ? "TLSv1.2" : "TLSv1.3"))
        try await server.stop()
    }

    // MARK: Tickets

    @Test(arguments: ["-tls1_2", "-tls1_3"])
    func aTicketResumesASession(version: String) async throws {
        let server = try await LiveServer.start(.plain(alpn: ["h2"])) { LineServer() }
        let session = scratch.path("session")
        let first = try openSSL(server, [version, "-alpn", "h2", "-sess_out", session])
        #expect(first.output.contains("New, TLS"), "\(first.output)")
        let second = try openSSL(server, [version, "-alpn", "h2", "-sess_in", session])
        #expect(second.output.contains("Reused, TLS"), "\(second.output)")
        #expect(second.output.contains("you said: hello"), "\(second.output)")
        var agreed = try #require(await server.handshakes.next())
        #expect(!agreed.isResumed)
        agreed.isResumed = true
        #expect(await server.handshakes.next() == agreed, "name and protocol outlive the resumption")
        try await server.stop()
    }

    @Test(arguments: ["-tls1_2", "-tls1_3"])
    func withoutTicketsNothingIsResumed(version: String) async throws {
        var options = try TLSServerOptions.plain
        options.sessionTickets = false
        let server = try await LiveServer.start(options) { LineServer() }
        let session = scratch.path("session")
        let first = try openSSL(server, [version, "-sess_out", session])
        #expect(!first.output.contains("session ticket"), "\(first.output)")
        #expect(await server.handshakes.next()?.isResumed == false)
        // With neither a ticket nor a session ID there is nothing to keep.
        #expect(!FileManager.default.fileExists(atPath: session))
        try await server.stop()
    }

    @Test func gnuTLSsClientResumes() async throws {
        let server = try await LiveServer.start(.plain) { LineServer() }
        let outcome = try gnuTLS(server, ["--resume", "--waitresumption"])
        #expect(outcome.output.contains("*** This is a resumed session"), "\(outcome.output)")
        #expect(await server.handshakes.next()?.isResumed == false)
        #expect(await server.handshakes.next()?.isResumed == true)
        try await server.stop()
    }
}
