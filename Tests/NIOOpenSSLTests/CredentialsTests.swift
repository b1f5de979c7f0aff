// rtbridge: tests of certificates and keys.
// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@testable import NIOOpenSSL

@Suite struct CredentialsTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func problem(_ certificate: String, _ key: String) throws -> TLSError {
        let error = try #require(
            #expect(throws: TLSError.self) {
                try TLSCredentials.load(certFile: scratch.path(certificate), keyFile: scratch.path(key))
            })
        #expect(error.kind == .configuration)
        return error
    }

    // MARK: Files

    @Test func aCertificateAndItsKeyAreLoaded() throws {
        try scratch.makeRSA("good")
        let loaded = try TLSCredentials.load(certFile: scratch.path("good.pem"), keyFile: scratch.path("good.key"))
        #expect(try Array(loaded.certificatePEM.utf8) == scratch.read("good.pem"))
        let parsed = try TLSCredentials.parse(
            certificatePEM: scratch.read("good.pem"), keyPEM: scratch.read("good.key"))
        #expect(parsed.fingerprintSHA256 == loaded.fingerprintSHA256)
    }

    @Test func aChainIsLoadedWhole() throws {
        try scratch.makeChain()
        let loaded = try TLSCredentials.load(certFile: scratch.path("chain.pem"), keyFile: scratch.path("leaf.key"))
        #expect(try Array(loaded.certificatePEM.utf8) == scratch.read("chain.pem"))
    }

    @Test func oneFileMayHoldBoth() throws {
        try scratch.makeRSA("good")
        let both = try String(decoding: scratch.read("good.key") + scratch.read("good.pem"), as: UTF8.self)
        let path = try scratch.write("A comment.\n" + both, "both.pem")
        let loaded = try TLSCredentials.load(certFile: path, keyFile: path)
        #expect(try Array(loaded.certificatePEM.utf8) == scratch.read("good.pem"))
    }

    @Test func aMissingFileIsNamedWithTheSystemsReason() throws {
        try scratch.makeRSA("good")
        let certificate = try problem("missing.pem", "good.key")
        #expect(certificate.path == scratch.path("missing.pem"))
        #expect(certificate.description == "\(scratch.path("missing.pem")): cannot be read: No such file or directory")
        #expect(try problem("good.pem", "missing.key").path == scratch.path("missing.key"))
    }

    @Test func aDirectoryIsNoFile() throws {
        let error = try problem(".", "good.key")
        #expect(error.reason.contains("Is a directory"), "\(error)")
    }

    @Test(arguments: ["", "garbage", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"])
    func aFileWithoutACertificateSaysWhatIsExpected(text: String) throws {
        try scratch.makeRSA("good")
        _ = try scratch.write(text, "bad.pem")
        let error = try problem("bad.pem", "good.key")
        #expect(error.path == scratch.path("bad.pem"))
        #expect(error.reason.contains("BEGIN CERTIFICATE"), "\(error)")
    }

    @Test(arguments: [
        "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nAAAA\n",
    ])
    func aSpoiltCertificateIsCounted(text: String) throws {
        try scratch.makeRSA("good")
        let good = try String(decoding: scratch.read("good.pem"), as: UTF8.self)
        _ = try scratch.write(good + text, "bad.pem")
        let error = try problem("bad.pem", "good.key")
        #expect(error.reason.hasPrefix("certificate 2 cannot be read"), "\(error)")
    }

    @Test func aFileWithoutAKeySaysWhatIsExpected() throws {
        try scratch.makeRSA("good")
        let error = try problem("good.pem", "good.pem")
        #expect(error.reason.contains("no private key"), "\(error)")
        #expect(error.path == scratch.path("good.pem"))
    }

    @Test func aKeyWithAPassphraseSaysHowToTakeItOff() throws {
        try scratch.makeRSA("good")
        try scratch.openssl("pkey -in @good.key -aes256 -passout pass:secret -out @locked.key")
        let error = try problem("good.pem", "locked.key")
        #expect(error.reason.contains("encrypted"), "\(error)")
        #expect(error.reason.contains("openssl pkey"), "\(error)")
        #expect(error.path == scratch.path("locked.key"))
    }

    @Test func anotherCertificatesKeyIsRefused() throws {
        try scratch.makeRSA("good")
        try scratch.makeRSA("other")
        let error = try problem("good.pem", "other.key")
        #expect(error.reason.contains("does not match the certificate in \(scratch.path("good.pem"))"), "\(error)")
        #expect(error.path == scratch.path("other.key"))
    }

    @Test func aChainInTheWrongOrderIsToldSo() throws {
        try scratch.makeChain()
        let error = try problem("backwards.pem", "leaf.key")
        #expect(error.reason.contains("put it first"), "\(error)")
        #expect(error.path == scratch.path("backwards.pem"))
    }

    // MARK: Development certificates

    private func subjectNames(_ credentials: TLSCredentials) -> [String] {
        withExtendedLifetime(credentials) { SubjectNames.of(credentials.storage.certificate) }
    }

    @Test func aDevelopmentCertificateHasWhatBrowsersAskFor() throws {
        let made = try TLSCredentials.selfSigned(
            names: ["localhost", "*.example.com", "127.0.0.1", "::1"], validDays: 30)
        let path = try scratch.write(made.certificatePEM, "made.pem")
        let text = try Command(arguments: ["openssl", "x509", "-in", path, "-noout", "-text"]).run().output
        #expect(
            text.contains("DNS:localhost, DNS:*.example.com, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1"),
            "\(text)")
        for expected in [
            "Version: 3", "NIST CURVE: P-256", "Signature Algorithm: ecdsa-with-SHA256", "CA:FALSE",
            "TLS Web Server Authentication", "Digital Signature", "Subject: CN = localhost", "Issuer: CN = localhost",
        ] { #expect(text.contains(expected), "\(expected) is not in \(text)") }
        let digest = try Command(arguments: ["openssl", "x509", "-in", path, "-noout", "-fingerprint", "-sha256"]).run()
        #expect(digest.output == "sha256 Fingerprint=\(made.fingerprintSHA256)\n")
    }

    @Test func aDevelopmentCertificateIsValidFromAnHourAgoForTheDaysAskedFor() throws {
        let now = Int64(Date().timeIntervalSince1970)
        let made = try TLSCredentials.selfSigned(names: ["localhost"], validDays: 30)
        #expect(abs(made.notAfter - (now + 30 * 86400)) < 60)
        let path = try scratch.write(made.certificatePEM, "made.pem")
        // -attime takes the clock that verifies.
        for (shift, isValid) in [
            (Int64(-3500), true), (-3700, false), (30 * 86400 - 100, true), (30 * 86400 + 100, false),
        ] {
            let outcome = try Command(
                arguments: ["openssl", "verify", "-attime", "\(now + shift)", "-CAfile", path, path]
            ).run()
            #expect((outcome.status == 0) == isValid, "\(shift): \(outcome.output)")
        }
    }

    @Test func serialNumbersDiffer() throws {
        let one = try TLSCredentials.selfSigned(names: ["localhost"])
        let other = try TLSCredentials.selfSigned(names: ["localhost"])
        #expect(one.fingerprintSHA256 != other.fingerprintSHA256)
    }

    @Test func aLongNameStandsInTheAlternativesAlone() throws {
        let name = String(repeating: "a", count: 60) + ".example.com"
        let made = try TLSCredentials.selfSigned(names: [name])
        #expect(subjectNames(made) == [name])
    }

    @Test func namesComeBackAsTheyWereGiven() throws {
        let names = ["localhost", "10.0.0.1", "2001:db8:0:0:0:0:0:1", "_x.example"]
        #expect(subjectNames(try TLSCredentials.selfSigned(names: names)) == names)
    }

    @Test(arguments: [
        "", "a b", "a,DNS:evil.example", "exa mple", "-.*.x", "a..b", "münchen.example", "127.0.0.1:80", "[::1]", "x/y",
        String(repeating: "a", count: 64) + ".example",
    ])
    func aNameThatIsNeitherNameNorAddressIsRefused(name: String) throws {
        let error = try #require(
            #expect(throws: TLSError.self) { try TLSCredentials.selfSigned(names: ["localhost", name]) })
        #expect(error.kind == .configuration)
        #expect(error.reason.contains("\"\(name)\""), "\(error)")
    }

    @Test func noNameAndNoTimeAreRefused() {
        #expect(throws: TLSError.self) { try TLSCredentials.selfSigned(names: []) }
        #expect(throws: TLSError.self) { try TLSCredentials.selfSigned(names: ["localhost"], validDays: 0) }
        #expect(throws: TLSError.self) { try TLSCredentials.selfSigned(names: ["localhost"], validDays: .max) }
    }
}
