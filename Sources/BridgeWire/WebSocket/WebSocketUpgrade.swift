// rtbridge: what a client asks for when it opens a WebSocket.
// SPDX-License-Identifier: Apache-2.0

/// An opening handshake that is in order (RFC 6455 §4.2.1, or RFC 8441 §5 over HTTP/2).
public struct WebSocketUpgrade: Equatable, Sendable {
    /// `Sec-WebSocket-Key`, 24 characters of base64; `nil` over HTTP/2, which has none.
    public var key: String?
    /// The subprotocols that the client offers, what it likes best first, as it spells them.
    public var subprotocols: [String]
    /// The extensions that the client offers, in its order (RFC 6455 §9.1).
    public var extensions: [WebSocketExtensionOffer]

    /// The value of `Sec-WebSocket-Accept`; `nil` over HTTP/2.
    public var accept: String? { key.map { WebSocketHandshake.accept(key: $0.utf8) } }
}
