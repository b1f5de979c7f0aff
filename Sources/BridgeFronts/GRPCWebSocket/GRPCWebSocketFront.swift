// rtbridge: gRPC over WebSocket as a front protocol.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgeWire

/// gRPC in a WebSocket, which gives browsers client streaming and calls in both directions: improbable-eng's
/// `grpc-websockets`, and `grpc-websockets-multiplex` for many calls on one connection. It belongs to gRPC-Web's routes.
public enum GRPCWebSocketFront {
    /// What was chosen of what the client offers.
    public struct Choice {
        var kind: GRPCWebSocketSubprotocol
        /// As the client spells it: browsers compare it with what they sent.
        var subprotocol: String
    }

    /// Whether a WebSocket's opening request offers one of the subprotocols.
    public static func isOffered(_ head: RequestHead) -> Bool { !offers(head).isEmpty }

    /// The first subprotocol of the client's list that the route takes.
    public static func choose(_ head: RequestHead, _ route: WorkerRoute) -> Choice? {
        offers(head).first { takes($0.kind, route.config.grpcWeb) }
    }

    /// Opens a session: at once, for no call is known yet.
    ///
    /// - Parameter findRoute: the route of a call, for calls that share the WebSocket.
    public static func accept(
        _ request: FrontRequest, _ choice: Choice, findRoute: @escaping (RequestHead) -> WorkerRoute?
    ) {
        let allowed = request.route.config.cors?.allowOrigins
        guard let upgrade = WebSocketFront.upgrade(request, allowOrigins: allowed, key: "cors.allowOrigins") else {
            return
        }
        let session = GRPCWebSocketSession(request, choice.kind, findRoute: findRoute)
        session.start(upgrade, subprotocol: choice.subprotocol)
    }

    static func takes(_ kind: GRPCWebSocketSubprotocol, _ options: GRPCWebOptions) -> Bool {
        switch kind {
        case .single: options.websockets
        case .multiplex: options.websockets && options.multiplex
        }
    }

    private static func offers(_ head: RequestHead) -> [Choice] {
        FieldTokens.elements(head.fields, "sec-websocket-protocol").compactMap { offer in
            GRPCWebSocketSubprotocol(offered: offer).map { Choice(kind: $0, subprotocol: offer) }
        }
    }
}
