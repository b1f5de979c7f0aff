// rtbridge: what a WebSocket decoder delivers.
// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// A piece of a message, or a control frame.
public enum WebSocketEvent: Equatable, Sendable {
    /// What has arrived of a message, in order, unmasked; a text may be cut inside a character.
    /// An empty piece is delivered for an empty frame alone.
    case data(ByteBuffer, kind: WebSocketMessageKind, endsMessage: Bool)
    /// RFC 6455 §5.5.2: a pong with the same payload is due.
    case ping(ByteBuffer)
    case pong(ByteBuffer)
    /// The last event; `nil` where the frame was empty (RFC 6455 §7.1.5). The code is one that may be sent back.
    case close(code: WebSocketCloseCode?, reason: String)
}
