// rtbridge: what a handshake agreed on.
// SPDX-License-Identifier: Apache-2.0

/// Fired as a user inbound event once, when the handshake is complete and before any plaintext.
public struct TLSHandshakeCompleted: Sendable, Hashable {
    /// The agreed protocol, `h2`; nil where there is none.
    public var alpn: String?
    /// The name the client asked for (RFC 6066 §3); nil where it named none. On a server it is the peer's claim.
    public var serverName: String?
    /// As OpenSSL spells it: `TLSv1.3`.
    public var version: String
    /// As OpenSSL spells it: `TLS_AES_128_GCM_SHA256`.
    public var cipher: String
    /// Whether a session ticket saved the certificate's part of the handshake.
    public var isResumed: Bool

    public init(alpn: String?, serverName: String?, version: String, cipher: String, isResumed: Bool) {
        self.alpn = alpn
        self.serverName = serverName
        self.version = version
        self.cipher = cipher
        self.isResumed = isResumed
    }
}
