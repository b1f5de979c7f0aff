// rtbridge: a route's options, by what they are for.
// SPDX-License-Identifier: Apache-2.0

import BridgePolicy

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
