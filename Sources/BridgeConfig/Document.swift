// rtbridge: what a routes.json says, after reading: every default filled in.
// SPDX-License-Identifier: Apache-2.0

import BridgePolicy

/// A whole configuration. All values are checked; relative paths are resolved; `${…}` is replaced.
public struct Document: Sendable, Equatable {
    public var listeners: [Listener] = []
    public var admin: Admin?
    public var health = Health()
    /// The entries of `backends`, in the order of the file, whether a route uses them or not.
    public var backends: [Backend] = []
    public var routes: [Route] = []
    public var shutdown = Shutdown()
    public var logging = LoggingOptions()
    /// Event loops; 0 means one a core.
    public var workers = 0

    public init() {}
}

/// Where something listens or is reached.
public enum Address: Sendable, Hashable {
    /// A name or an IP address (v6 without brackets) and a port. A port of 0 lets the system choose (listeners alone).
    case host(String, port: Int)
    /// The absolute path of a Unix socket.
    case unix(String)

    /// The name or the IP address alone; what speaks with a Unix socket takes it for this machine.
    public var host: String {
        switch self {
        case .host(let host, _): host
        case .unix: "localhost"
        }
    }

    /// What a request to it calls its host: without a path of ours, which is nobody's business.
    public var authority: String {
        switch self {
        case .host: description
        case .unix: "localhost"
        }
    }

    public var isUnix: Bool {
        switch self {
        case .host: false
        case .unix: true
        }
    }
}

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

public struct Admin: Sendable, Equatable {
    public var address: Address
    public init(address: Address) { self.address = address }
}

public struct Health: Sendable, Equatable {
    public var livePath = "/livez"
    public var readyPath = "/readyz"
    /// Names of listeners that answer the paths, and `grpc.health.v1.Health/Check`, themselves.
    public var onListeners: [String] = []
    /// Names of entries in `backends` that must be reachable for the bridge to be ready.
    public var requireBackends: [String] = []

    public init() {}
}

public enum BackendProtocol: String, Sendable, CaseIterable { case grpc, tcp, udp, websocket, http }

public struct Backend: Sendable, Equatable {
    public enum ProxyProtocol: String, Sendable, CaseIterable { case v1, v2 }

    /// The key under `backends`, or the URL where a route names one directly.
    public var name: String
    public var `protocol`: BackendProtocol
    /// At least one.
    public var endpoints: [Address]
    /// nil: in clear text.
    public var tls: BackendTLS?
    /// What each connection begins with, to tell who it is made for; nil is nothing.
    public var proxyProtocol: ProxyProtocol?
    public var connectTimeout: Duration = .seconds(5)
    /// WebSocket: from the connection to the answer of the opening handshake.
    public var handshakeTimeout: Duration = .seconds(10)
    /// Between attempts to reach a gRPC back-end.
    public var backoff = BackoffParameters.grpcConnection
    public var loadBalancing = LoadBalancing.roundRobin
    /// What ``LoadBalancing/hash`` looks at; nil with every other policy.
    public var hashOn: HashOn?
    /// How often names are resolved again while they are in use; nil is off: only as connections are made.
    public var dnsRefresh: Duration? = .seconds(30)
    /// gRPC and HTTP: a connection without calls is closed after this; nil is off.
    public var idleTimeout: Duration? = .seconds(1800)
    public var keepalive = Keepalive()
    public var healthCheck: HealthCheck?
    public var outlierDetection: OutlierParameters?
    public var circuitBreaker: BreakerLimits?

    public init(name: String, protocol: BackendProtocol, endpoints: [Address]) {
        self.name = name
        self.protocol = `protocol`
        self.endpoints = endpoints
        if `protocol` == .http { idleTimeout = HTTPOptions.poolIdle }
    }
}

public enum FrontProtocolName: String, Sendable, CaseIterable, Hashable {
    case grpcWeb = "grpc-web", grpc, websocket, sse, http
    /// A byte stream, and datagrams, of listeners without HTTP.
    case tcp, udp

    /// Whether it has a listener to itself, and is known by that.
    public var isWithoutHTTP: Bool {
        switch self {
        case .tcp, .udp: true
        case .grpcWeb, .grpc, .websocket, .sse, .http: false
        }
    }
}

public struct Match: Sendable, Equatable {
    public enum Host: Sendable, Hashable {
        /// Without a port; an IPv6 address in brackets.
        case exact(String)
        /// With the leading dot: `.example.com` matches every name that ends with it.
        case suffix(String)
    }
    public struct Field: Sendable, Equatable {
        /// In lower case.
        public var name: String
        public var value: String
        public init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// The name of a listener; nil matches all.
    public var listener: String?
    /// In lower case; nil matches all.
    public var host: Host?
    /// At least one.
    public var protocols: [FrontProtocolName]
    public var path: String?
    public var pathPrefix: String?
    /// A full gRPC service name, `helloworld.Greeter`.
    public var service: String?
    /// A method of ``service``; nil matches all.
    public var method: String?
    /// All of these must be there, with these values.
    public var headers: [Field] = []
    /// Of tcp on a TLS listener: one of these must be the name that the client asks for by SNI; none matches all.
    public var serverNames: [Host] = []

    public init(protocols: [FrontProtocolName]) { self.protocols = protocols }
}

public struct Route: Sendable, Equatable {
    /// As given, or made from the match.
    public var name: String
    public var match: Match
    public var backend: Backend
    public var grpcWeb = GRPCWebOptions()
    public var cors: CORSOptions?
    public var timeouts = RouteTimeouts()
    /// The longest gRPC message, either way.
    public var maxMessageBytes = 4 * 1024 * 1024
    public var errorDetail = ErrorDetail.full
    public var websocket = WebSocketOptions()
    public var tcp = TCPOptions()
    public var udp = UDPOptions()
    public var http = HTTPOptions()
    public var sse = SSEOptions()
    /// gRPC calls; nil: tried once.
    public var retryPolicy: RetryParameters?
    /// For tcp, udp and websocket back-ends; nil dials once, and ends the session with its connection.
    public var reconnect: ReconnectOptions?

    public init(name: String, match: Match, backend: Backend) {
        self.name = name
        self.match = match
        self.backend = backend
    }
}

/// Whether a client is told address and phase of a failure.
public enum ErrorDetail: String, Sendable, CaseIterable { case full, brief }

public struct GRPCWebOptions: Sendable, Equatable {
    /// Whether `application/grpc-web-text` is taken.
    public var text = true
    /// Whether calls may come over WebSocket, one a connection (subprotocol `grpc-websockets`).
    public var websockets = true
    /// Whether many calls may share a WebSocket (subprotocol `grpc-websockets-multiplex`); only with ``websockets``.
    public var multiplex = true
    /// Fields of the opening request that become metadata of its calls, in lower case.
    public var forwardUpgradeHeaders = ["cookie", "authorization"]
    public init() {}
}

public struct CORSOptions: Sendable, Equatable {
    public enum Headers: Sendable, Equatable {
        /// Whatever the preflight asks for.
        case requested
        /// In lower case.
        case list([String])
    }

    /// Exact origins (`https://app.example.com`), or `*` alone.
    public var allowOrigins: [String]
    public var allowHeaders = Headers.requested
    public var allowCredentials = false
    public var maxAge: Duration = .seconds(7200)

    public init(allowOrigins: [String]) { self.allowOrigins = allowOrigins }
}

public struct RouteTimeouts: Sendable, Equatable {
    /// Given to calls that carry no `grpc-timeout`; nil is off.
    public var deadline: Duration?
    /// No call may ask for more; nil is off.
    public var maxDeadline: Duration?
    /// With no byte and no pong in either direction for this long the call or session ends; nil is off.
    public var idle: Duration? = .seconds(300)

    public init() {}
}

public struct WebSocketOptions: Sendable, Equatable {
    /// Answered when offered, in order of preference. A websocket back-end chooses by itself.
    public var subprotocols: [String] = ["binary"]
    /// Exact origins, or `*`. nil: the origin must be the request's own host.
    public var allowOrigins: [String]?
    /// To clients, and to websocket back-ends; nil is off.
    public var pingInterval: Duration? = .seconds(25)
    /// A peer that is silent for this long after a ping is closed; nil is off.
    public var pongTimeout: Duration? = .seconds(10)
    /// Of what is sent in compressed form, as it is after that.
    public var maxMessageBytes = 1024 * 1024
    /// permessage-deflate (RFC 7692).
    public var compression = Compression.off

    public enum Compression: String, Sendable, CaseIterable {
        case off
        /// With the client and with a websocket back-end, each by itself.
        case on
        /// The client and its websocket back-end agree on it, and have it to themselves.
        case passthrough
    }

    public init() {}
}

public struct TCPOptions: Sendable, Equatable {
    /// How a WebSocket's messages stand in the byte stream.
    public enum Framing: String, Sendable, CaseIterable { case stream, line, length32, text }

    public var framing = Framing.stream
    /// Whether one side's end leaves the other direction open.
    public var halfClose = true
    public var nodelay = true

    public init() {}
}

public struct UDPOptions: Sendable, Equatable {
    public enum Overflow: String, Sendable, CaseIterable { case dropOldest, dropNewest }

    /// With no datagram in either direction for this long the session ends; nil is off.
    public var idle: Duration? = .seconds(60)
    public var maxDatagramBytes = 65507
    /// Sessions of this route in the whole process.
    public var maxSessions = 1024
    /// Sessions of this route from one client address; of a udp listener as many as ``maxSessions`` unless it is given:
    /// a client there has a new session for each port that it sends from.
    public var maxSessionsPerClient = 16
    /// Datagrams kept for a client that is slow, and on a udp listener for a back-end that is not there yet.
    public var queueDatagrams = 256
    public var overflow = Overflow.dropOldest

    public init() {}
}

public struct Shutdown: Sendable, Equatable {
    /// How long calls and sessions may go on after SIGTERM.
    public var drain: Duration = .seconds(30)
    public init() {}
}

public struct LoggingOptions: Sendable, Equatable {
    public enum Format: String, Sendable, CaseIterable { case text, json }
    public enum Level: String, Sendable, CaseIterable { case trace, debug, info, notice, warning, error }

    public var format = Format.text
    public var level = Level.info
    /// A line for each request and session.
    public var access = true
    /// Header names, in lower case, whose values are never written.
    public var redact: [String] = ["authorization", "cookie"]

    public init() {}
}
