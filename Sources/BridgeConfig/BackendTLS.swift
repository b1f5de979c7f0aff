// rtbridge: what a back-end's `tls` says, after reading.
// SPDX-License-Identifier: Apache-2.0

/// How a back-end is spoken to by TLS.
public struct BackendTLS: Sendable, Hashable {
    /// Absolute paths of PEM files: the leaf first, then its chain; and the leaf's key.
    public struct Certificate: Sendable, Hashable {
        public var certFile: String
        public var keyFile: String

        public init(certFile: String, keyFile: String) {
            self.certFile = certFile
            self.keyFile = keyFile
        }
    }

    /// The DNS name or IP address that is asked for and that the certificate must have; nil: the endpoint's own.
    public var serverName: String?
    /// The absolute path of a PEM file with all that is trusted; nil: the system's roots.
    public var caFile: String?
    /// Shown to servers that ask for one.
    public var certificate: Certificate?
    /// Whether the certificate must be trusted and for the right name.
    public var verify = true

    public init() {}
}
