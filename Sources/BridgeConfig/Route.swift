// rtbridge: the values of a route.
// SPDX-License-Identifier: Apache-2.0

import BridgePolicy

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
