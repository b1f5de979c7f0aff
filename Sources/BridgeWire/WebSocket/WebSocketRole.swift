// rtbridge: the two sides of a WebSocket.
// SPDX-License-Identifier: Apache-2.0

/// The side that a codec speaks for.
public enum WebSocketRole: Sendable, Equatable {
    /// Takes masked frames and sends unmasked ones.
    case server
    /// Takes unmasked frames and sends masked ones.
    case client
}
