// rtbridge: the values of a listener.
// SPDX-License-Identifier: Apache-2.0

import BridgePolicy

public struct Listener: Sendable, Equatable {
    public enum HTTPVersion: String, Sendable, CaseIterable {
        case http2 = "h2", http1 = "http/1.1"
        /// No HTTP at all: a byte stream, or datagrams. Each stands alone.
        case tcp, udp
    }

    /// The key under `listeners`.
    public var name: String
    public var address: Address
    /// Of a Unix socket's file: who may connect.
    public var socketMode: UInt32 = 0o660
    /// In order of preference, for ALPN.
    public var protocols: [HTTPVersion] = [.http2, .http1]
    public var tls: ListenerTLS?
    public var proxyProtocol = ListenerProxyProtocol()
    public var limits = ListenerLimits()

    /// What a listener without HTTP takes, tcp or udp; nil: it speaks HTTP.
    public var withoutHTTP: FrontProtocolName? {
        switch protocols.first {
        case .tcp: .tcp
        case .udp: .udp
        case .http2, .http1, nil: nil
        }
    }

    public init(name: String, address: Address) {
        self.name = name
        self.address = address
    }
}

/// Who may say, with a PROXY header, for whom a connection is made.
public struct ListenerProxyProtocol: Sendable, Equatable {
    /// Peers that are trusted must send the header, others must not.
    public var accept = false
    /// Every peer of a Unix socket is trusted besides.
    public var trustedProxies: [AddressRange] = []

    public init() {}
}

public struct ListenerTLS: Sendable, Equatable {
    public enum Version: String, Sendable, CaseIterable { case tls12 = "1.2", tls13 = "1.3" }
    public struct Certificate: Sendable, Equatable {
        /// Absolute paths of PEM files: the leaf first, then its chain; and the leaf's key.
        public var certFile: String
        public var keyFile: String

        public init(certFile: String, keyFile: String) {
            self.certFile = certFile
            self.keyFile = keyFile
        }
    }

    /// A self-signed certificate is made at start-up.
    public var development = false
    public var minVersion = Version.tls12
    /// TLS 1.3 suites and TLS 1.2 ciphers in OpenSSL's spelling; nil leaves the built-in choice.
    public var cipherSuites: [String]?
    /// Key-exchange groups in OpenSSL's spelling, the preferred first; nil leaves the built-in choice.
    public var groups: [String]?
    public var certificate: Certificate?
    public var sessionTickets = true

    public init() {}
}

public struct ListenerLimits: Sendable, Equatable {
    public var maxConnections = 10_000
    public var maxHeaderBytes = 16 * 1024
    /// From accept to the first whole request head, TLS handshake included; nil is off.
    public var headerTimeout: Duration? = .seconds(10)
    /// A connection with no request in flight is closed after this; nil is off.
    public var idleTimeout: Duration? = .seconds(300)
    public var maxConcurrentStreams = 128

    public init() {}
}
