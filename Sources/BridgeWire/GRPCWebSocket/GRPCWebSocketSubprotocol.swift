// rtbridge: the subprotocols of gRPC over WebSocket.
// SPDX-License-Identifier: Apache-2.0

/// How calls are put into a WebSocket (improbable-eng's grpc-web, its WebSocket transport; Deephaven's, for many calls).
public enum GRPCWebSocketSubprotocol: String, Sendable, CaseIterable {
    /// One call a connection; the path of the opening request is the call's.
    case single = "grpc-websockets"
    /// Many calls on one connection, each message with the number of its stream.
    case multiplex = "grpc-websockets-multiplex"

    /// - Parameter offered: one element of `Sec-WebSocket-Protocol`, in any case.
    public init?(offered: String) { self.init(rawValue: offered.lowercased()) }
}
