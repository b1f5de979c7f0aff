// rtbridge: what a back-end's options say, after reading.
// SPDX-License-Identifier: Apache-2.0

/// How an endpoint is chosen.
public enum LoadBalancing: String, Sendable, CaseIterable { case roundRobin, leastRequest, random, hash }

/// What of a request decides its endpoint.
public enum HashOn: Sendable, Equatable {
    /// In lower case.
    case header(String)
    case cookie(String)
    case clientIP
}

/// PINGs on gRPC connections that have calls (gRPC keepalive.md).
public struct Keepalive: Sendable, Equatable {
    /// With nothing received for this long a PING is sent; nil is off.
    ///
    /// Servers count PINGs that come more often than every 5 minutes as strikes, and answer the third with GOAWAY
    /// (`too_many_pings`); the ten seconds are for clocks and networks that are not even.
    public var interval: Duration? = .seconds(310)
    /// A connection that does not answer it for this long is given up.
    public var timeout: Duration = .seconds(20)

    public init() {}
}

/// How endpoints are asked whether they are well.
public struct HealthCheck: Sendable, Equatable {
    public enum Method: String, Sendable, CaseIterable { case grpc, http, tcp }

    public var type: Method
    /// The name that `grpc.health.v1.Health/Check` is asked for.
    public var service = ""
    /// What `GET` is sent for.
    public var path = "/healthz"
    public var expectStatus = 200...299
    public var interval: Duration = .seconds(10)
    public var timeout: Duration = .seconds(2)
    /// Good answers in a row that make an endpoint healthy.
    public var healthyThreshold = 1
    /// Failures in a row that make it unhealthy.
    public var unhealthyThreshold = 3

    public init(type: Method) { self.type = type }
}
