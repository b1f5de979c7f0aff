// rtbridge: what servers and clients may choose.
// SPDX-License-Identifier: Apache-2.0

/// The lowest protocol version that is spoken. TLS 1.0 and 1.1 are deprecated (RFC 8996) and not on offer.
public enum TLSVersion: String, Sendable, CaseIterable {
    case tls12 = "1.2"
    case tls13 = "1.3"
}

/// How a server speaks TLS.
public struct TLSServerOptions: Sendable {
    /// At least one; at most one for each type of key, so that an ECDSA and an RSA certificate may stand side by side.
    public var credentials: [TLSCredentials]
    public var minimumVersion = TLSVersion.tls12
    /// TLS 1.3 suites (`TLS_AES_128_GCM_SHA256`) and TLS 1.2 ciphers (`ECDHE-RSA-AES128-GCM-SHA256`) as OpenSSL spells
    /// them, in order of preference. A version that the list does not name keeps its defaults; nil keeps both.
    public var cipherSuites: [String]?
    /// Key exchange groups as OpenSSL spells them, in order of preference; nil: X25519, then P-256.
    public var groups: [String]?
    /// Protocols in order of preference, `["h2", "http/1.1"]`. With none the extension is not answered.
    public var alpn: [String]
    /// Whether clients may resume sessions with stateless tickets. The ticket keys live and die with the context.
    public var sessionTickets = true

    public init(credentials: [TLSCredentials], alpn: [String] = []) {
        self.credentials = credentials
        self.alpn = alpn
    }
}

/// How a client speaks TLS.
public struct TLSClientOptions: Sendable {
    public enum Verification: Sendable, Hashable {
        /// Any certificate is taken: the connection is private, but nobody knows with whom.
        case none
        /// The chain leads to a trusted root and the certificate is for the name or address that was asked for.
        case full
    }

    public enum Trust: Sendable, Hashable {
        /// The system's roots.
        case system
        /// The certificates in this PEM file alone.
        case file(String)
        /// The certificates in this PEM text alone.
        case pem(String)
    }

    /// Protocols to offer, in order of preference.
    public var alpn: [String]
    public var minimumVersion = TLSVersion.tls12
    public var verification = Verification.full
    public var trust = Trust.system
    /// Shown to servers that ask for a certificate.
    public var credentials: TLSCredentials?

    public init(alpn: [String] = []) { self.alpn = alpn }
}
