// rtbridge: what a TLS client may choose.
// SPDX-License-Identifier: Apache-2.0

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
