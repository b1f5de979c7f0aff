// rtbridge: the values of a back-end.
// SPDX-License-Identifier: Apache-2.0

import BridgePolicy

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
