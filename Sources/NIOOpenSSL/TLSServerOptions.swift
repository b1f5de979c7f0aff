// rtbridge: what a TLS server may choose.
// SPDX-License-Identifier: Apache-2.0

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
