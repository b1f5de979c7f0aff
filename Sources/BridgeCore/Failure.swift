// rtbridge: why a call or session failed, and whose fault it was.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire

/// Why a call or session failed: enough to tell a client, a log and an operator the same story.
public struct Failure: Error, Sendable, Equatable {
    /// The stable reason, in logs and access records. Extensible: compare with the named constants.
    public struct Kind: RawRepresentable, Sendable, Hashable {
        public var rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        public static let resolveFailed = Kind(rawValue: "resolve_failed")
        public static let connectFailed = Kind(rawValue: "connect_failed")
        public static let tlsFailed = Kind(rawValue: "tls_failed")
        public static let connectTimeout = Kind(rawValue: "connect_timeout")
        public static let connectionLost = Kind(rawValue: "connection_lost")
        public static let streamReset = Kind(rawValue: "stream_reset")
        public static let refused = Kind(rawValue: "refused")
        /// The back-end answered a WebSocket's opening handshake with another status than 101.
        public static let handshakeRefused = Kind(rawValue: "handshake_refused")
        /// The back-end is lost in the middle of a message that the client has the beginning of.
        public static let messageCut = Kind(rawValue: "message_cut")
        public static let notGRPC = Kind(rawValue: "not_grpc")
        public static let deadlineExceeded = Kind(rawValue: "deadline_exceeded")
        public static let attemptTimeout = Kind(rawValue: "attempt_timeout")
        public static let idleTimeout = Kind(rawValue: "idle_timeout")
        public static let messageTooBig = Kind(rawValue: "message_too_big")
        public static let protocolViolation = Kind(rawValue: "protocol_violation")
        public static let aborted = Kind(rawValue: "aborted")
        public static let draining = Kind(rawValue: "draining")
        public static let overloaded = Kind(rawValue: "overloaded")
    }

    /// The time-out that fired, by the key that sets it. Extensible, and bounded: no value comes from a peer.
    public struct Timeout: RawRepresentable, Sendable, Hashable {
        public var rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        public static let connect = Timeout(rawValue: "timeouts.connect")
        /// Of a WebSocket's opening handshake with a back-end.
        public static let handshake = Timeout(rawValue: "timeouts.handshake")
        public static let idle = Timeout(rawValue: "timeouts.idle")
        public static let udpIdle = Timeout(rawValue: "udp.idle")
        public static let perAttempt = Timeout(rawValue: "retryPolicy.perAttemptTimeout")
        public static let maxHold = Timeout(rawValue: "reconnect.maxHold")
        public static let pong = Timeout(rawValue: "websocket.pongTimeout")
        public static let keepalive = Timeout(rawValue: "keepalive.timeout")
        public static let header = Timeout(rawValue: "limits.headerTimeout")
        public static let connectionIdle = Timeout(rawValue: "limits.idleTimeout")
        /// gRPC connection-backoff.md: MIN_CONNECT_TIMEOUT, which no key sets.
        public static let settings = Timeout(rawValue: "settings")
    }

    /// Whose fault it was.
    public enum Origin: String, Sendable { case front, back, bridge }

    /// How far the call had come.
    public enum Phase: String, Sendable {
        case resolve, connect
        case tls = "TLS"
        case http2 = "HTTP/2"
        case headers, body
    }

    public var kind: Kind
    public var origin: Origin
    public var phase: Phase
    /// What happened, without the address: "connection refused".
    public var reason: String
    /// The back-end's address, where one was involved.
    public var address: String?
    /// What the peer said that explains it, for the client alone: payload, which is kept nowhere.
    public var detail: String?
    /// Which time-out fired, where one did.
    public var timeout: Timeout?
    /// The gRPC status that says it best, where the kind's own does not.
    public var grpcCode: Int?
    /// The back-end's own answer, for clients that have had none yet.
    public var answer: HTTPAnswer?
    /// How often and how long it was tried, where it was tried more than once or could have been.
    public var attempts: Attempts?

    /// The attempts of which the failure is the last.
    public struct Attempts: Sendable, Equatable {
        public var count: Int
        /// How many there could have been; 0 is no such limit.
        public var limit: Int
        public var elapsed: Duration

        public init(count: Int, limit: Int, elapsed: Duration) {
            self.count = count
            self.limit = limit
            self.elapsed = elapsed
        }

        /// "attempt 3 of 3, 412 ms"
        var text: String {
            let milliseconds = Int(elapsed / .milliseconds(1))
            return "attempt \(count)" + (limit > 0 ? " of \(limit)" : "") + ", \(milliseconds) ms"
        }
    }

    public init(
        _ kind: Kind, _ origin: Origin, _ phase: Phase, _ reason: String, address: String? = nil, grpcCode: Int? = nil,
        timeout: Timeout? = nil
    ) {
        self.kind = kind
        self.origin = origin
        self.phase = phase
        self.reason = reason
        self.address = address
        self.grpcCode = grpcCode
        self.timeout = timeout
    }

    /// "route greeter: 10.0.0.11:50051: connect: connection refused (attempt 3 of 3, 412 ms)", or the kind alone where a
    /// client is to be told no more.
    public func message(route: String, isBrief: Bool) -> String {
        guard !isBrief else { return kind.rawValue.replacingUnderscores }
        var parts = ["route \(route)"]
        if let address { parts.append(address) }
        if origin == .back { parts.append(phase.rawValue) }
        parts.append(reason)
        if let detail { parts.append(detail) }
        return parts.joined(separator: ": ") + (attempts.map { " (\($0.text))" } ?? "")
    }
}

extension String {
    /// "connect_failed" reads "connect failed".
    fileprivate var replacingUnderscores: String { String(map { $0 == "_" ? " " : $0 }) }
}

// MARK: - What the protocols call it

extension Failure {
    /// gRPC statuscodes.md, for failures that the bridge finds itself.
    public var grpcStatusCode: Int {
        if let grpcCode { return grpcCode }
        switch kind {
        case .deadlineExceeded, .attemptTimeout: return 4
        case .messageTooBig: return 8
        case .aborted: return 1
        case .protocolViolation, .notGRPC: return 13
        default: return 14  // UNAVAILABLE: the back-end could not be reached, or is gone
        }
    }

    /// The HTTP status where nothing was answered yet (RFC 9110 §15.6).
    public var httpStatus: Int {
        if let answer { return answer.status }
        switch kind {
        case .connectTimeout, .deadlineExceeded, .attemptTimeout, .idleTimeout: return 504
        case .draining, .overloaded: return 503
        case .protocolViolation where origin == .front: return 400
        default: return 502
        }
    }

    /// The WebSocket close code (RFC 6455 §7.4.1, and the IANA registry for 1012...1014).
    public var closeCode: UInt16 {
        switch kind {
        case .draining: return 1001
        case .messageTooBig: return 1009
        case .protocolViolation: return origin == .back ? 1014 : 1002
        case .handshakeRefused: return 1014
        case .resolveFailed, .connectFailed, .tlsFailed, .connectTimeout, .connectionLost, .refused, .overloaded,
            .messageCut:
            return 1013
        case .idleTimeout, .deadlineExceeded: return 1001
        default: return 1011
        }
    }
}
