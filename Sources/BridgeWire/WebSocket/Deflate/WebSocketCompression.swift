// rtbridge: what a side of a WebSocket does with compressed messages.
// SPDX-License-Identifier: Apache-2.0

/// What was agreed on for messages with RSV1 (RFC 7692 §6).
public enum WebSocketCompression: Equatable, Sendable {
    /// No extension: RSV1 is a protocol error.
    case none
    /// Messages are inflated as they come, and may be deflated as they go.
    case deflate(WebSocketDeflateParameters)
    /// Messages go through as they are: somebody else has the other end of the extension.
    case passThrough

    /// For what the side of `role` receives.
    func inflater(_ role: WebSocketRole) -> WebSocketInflater? {
        guard case .deflate(let agreed) = self else { return nil }
        switch role {
        case .server:
            return WebSocketInflater(
                windowBits: agreed.clientMaxWindowBits, resetsEachMessage: agreed.clientNoContextTakeover)
        case .client:
            return WebSocketInflater(
                windowBits: agreed.serverMaxWindowBits, resetsEachMessage: agreed.serverNoContextTakeover)
        }
    }

    /// For what the side of `role` sends; `nil` where nothing is to be compressed.
    public func deflater(_ role: WebSocketRole) -> WebSocketDeflater? {
        guard case .deflate(let agreed) = self else { return nil }
        switch role {
        case .server:
            return WebSocketDeflater(
                windowBits: agreed.serverMaxWindowBits, resetsEachMessage: agreed.serverNoContextTakeover)
        case .client:
            return WebSocketDeflater(
                windowBits: agreed.clientMaxWindowBits, resetsEachMessage: agreed.clientNoContextTakeover)
        }
    }
}
