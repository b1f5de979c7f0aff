// rtbridge: what a WebSocket message holds.
// SPDX-License-Identifier: Apache-2.0

/// What a message holds (RFC 6455 §5.6).
public enum WebSocketMessageKind: Sendable, Equatable {
    case text
    case binary

    /// The opcode of a message's first frame.
    @inlinable
    public var opcode: WebSocketOpcode {
        switch self {
        case .text: .text
        case .binary: .binary
        }
    }
}
