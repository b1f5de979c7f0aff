// rtbridge: the status codes of WebSocket close frames.
// SPDX-License-Identifier: Apache-2.0

/// Why a WebSocket connection is closed (RFC 6455 §7.4 and IANA's WebSocket Close Code Number Registry).
public struct WebSocketCloseCode: RawRepresentable, Hashable, Sendable {
    public var rawValue: UInt16

    @inlinable
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let normalClosure = WebSocketCloseCode(rawValue: 1000)
    public static let goingAway = WebSocketCloseCode(rawValue: 1001)
    public static let protocolError = WebSocketCloseCode(rawValue: 1002)
    public static let unsupportedData = WebSocketCloseCode(rawValue: 1003)
    /// For logs and metrics: a close frame without a code. Never on the wire.
    public static let noStatusReceived = WebSocketCloseCode(rawValue: 1005)
    /// For logs and metrics: the connection ended without a close frame. Never on the wire.
    public static let abnormalClosure = WebSocketCloseCode(rawValue: 1006)
    public static let invalidPayload = WebSocketCloseCode(rawValue: 1007)
    public static let policyViolation = WebSocketCloseCode(rawValue: 1008)
    public static let messageTooBig = WebSocketCloseCode(rawValue: 1009)
    public static let mandatoryExtension = WebSocketCloseCode(rawValue: 1010)
    public static let internalError = WebSocketCloseCode(rawValue: 1011)
    public static let serviceRestart = WebSocketCloseCode(rawValue: 1012)
    public static let tryAgainLater = WebSocketCloseCode(rawValue: 1013)
    public static let badGateway = WebSocketCloseCode(rawValue: 1014)

    /// Whether a close frame may carry this code.
    ///
    /// RFC 6455 §7.4.2: 0–999 "are not used", 1000–2999 "are reserved for definition by this protocol" (those defined so
    /// far are 1000–1003 and 1007–1014), 3000–3999 are for frameworks, 4000–4999 for private use. §7.4.1: 1005, 1006 and
    /// 1015 are reserved values that "MUST NOT be set as a status code in a Close control frame by an endpoint".
    @inlinable
    public var isAllowedOnTheWire: Bool {
        switch rawValue {
        case 1000...1003, 1007...1014, 3000...4999: true
        default: false  // 0...999, 1004...1006, 1015...2999, 5000...
        }
    }
}

extension WebSocketCloseCode: CustomStringConvertible {
    public var description: String { String(rawValue) }
}
