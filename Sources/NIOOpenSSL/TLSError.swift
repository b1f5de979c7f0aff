// rtbridge: what went wrong with TLS, in words.
// SPDX-License-Identifier: Apache-2.0

/// What went wrong, with OpenSSL's own reasons and, where there is one, what to do about it.
public struct TLSError: Error, Hashable, Sendable {
    /// What sort of failure it is. ``rawValue`` is stable and fit for logs and metrics.
    public struct Kind: Hashable, Sendable, CustomStringConvertible {
        public let rawValue: String

        /// A file, certificate, key, cipher or option that cannot be used.
        public static let configuration = Kind(rawValue: "configuration")
        /// The handshake came to no agreement, or its transport ended before it did.
        public static let handshakeFailed = Kind(rawValue: "handshakeFailed")
        /// The peer's certificate is not trusted, or is not for the name that was asked for.
        public static let certificateVerification = Kind(rawValue: "certificateVerification")
        /// The transport ended without a close_notify: what was received may be cut short (RFC 8446 §6.1).
        public static let truncated = Kind(rawValue: "truncated")
        /// The peer broke the protocol after the handshake.
        public static let protocolViolation = Kind(rawValue: "protocolViolation")
        /// The peer ended an established connection with a fatal alert.
        public static let alertReceived = Kind(rawValue: "alertReceived")
        /// The connection was closed before this could be done.
        public static let closed = Kind(rawValue: "closed")

        public var description: String { rawValue }
    }

    /// What is wrong with a certificate, as far as somebody can do something about it.
    public enum CertificateProblem: Sendable, Hashable {
        /// Not for the name or address that was asked for.
        case name
        /// No trusted certificate vouches for it.
        case untrusted
        /// Before its time, or after it, or not meant for this.
        case other
    }

    public var kind: Kind
    /// Of ``Kind/certificateVerification``.
    public var certificateProblem: CertificateProblem?
    /// The peer asked for a certificate, was shown none, and ended the connection.
    public var isForWantOfCertificate = false
    /// One sentence. OpenSSL's reasons stand in it as OpenSSL spells them.
    public var reason: String
    /// The file that the error is about.
    public var path: String?
    /// The fatal alert that the peer sent, as OpenSSL spells it: `unknown CA`.
    public var peerAlert: String?

    public init(_ kind: Kind, _ reason: String, path: String? = nil, peerAlert: String? = nil) {
        self.kind = kind
        self.reason = reason
        self.path = path
        self.peerAlert = peerAlert
    }

    /// The answer to what cannot be done any more.
    static let connectionClosed = TLSError(.closed, "the TLS connection is closed")
}

extension TLSError: CustomStringConvertible {
    public var description: String {
        var text = heading
        if let path { text += "\(path): " }
        text += reason
        if let peerAlert { text += " (the peer sent the alert \"\(peerAlert)\")" }
        return text
    }

    private var heading: String {
        switch kind {
        case .handshakeFailed: "TLS handshake failed: "
        case .certificateVerification: "TLS certificate verification failed: "
        case .truncated: "TLS connection cut short: "
        case .protocolViolation: "TLS protocol violation: "
        case .alertReceived: "TLS connection ended by the peer: "
        default: ""  // The reason is a sentence of its own.
        }
    }
}
