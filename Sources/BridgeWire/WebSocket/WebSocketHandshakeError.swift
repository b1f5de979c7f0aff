// rtbridge: why a WebSocket handshake is refused.
// SPDX-License-Identifier: Apache-2.0

/// Why an opening handshake is refused, as an HTTP answer.
public struct WebSocketHandshakeError: Error, Equatable, Sendable {
    /// 400, or 426 where the client may try again with another version (RFC 6455 §4.2.2, §4.4).
    public var httpStatus: Int
    /// One line for the answer's body and the log.
    public var reason: String

    /// A 426 carries `Sec-WebSocket-Version` with this value.
    public static let supportedVersion = "13"

    public init(httpStatus: Int, reason: String) {
        self.httpStatus = httpStatus
        self.reason = reason
    }
}

extension WebSocketHandshakeError: CustomStringConvertible {
    public var description: String { "\(httpStatus) \(reason)" }
}

extension WebSocketHandshakeError {
    static func badRequest(_ reason: String) -> WebSocketHandshakeError {
        WebSocketHandshakeError(httpStatus: 400, reason: reason)
    }
}
