// rtbridge: which front protocol goes to which back-end.
// SPDX-License-Identifier: Apache-2.0

enum ProtocolFit {
    private static let table =
        "grpc-web and grpc go to grpc; websocket goes to tcp, udp or websocket; "
        + "sse goes to tcp, udp or grpc; http goes to http."

    static func fits(_ front: FrontProtocolName, _ back: BackendProtocol) -> Bool {
        switch (front, back) {
        case (.grpcWeb, .grpc), (.grpc, .grpc), (.websocket, .tcp), (.websocket, .udp), (.websocket, .websocket),
            (.sse, .tcp), (.sse, .udp), (.sse, .grpc), (.http, .http):
            true
        case (.grpcWeb, _), (.grpc, _), (.websocket, _), (.sse, _), (.http, _): false
        }
    }

    /// Gives a match that names no protocol all that fit but `sse`, which is for who asks for it, and refuses what does not fit the back-end.
    static func complete(_ match: inout Match, _ backend: Backend, _ route: ObjectReader) {
        let place = route.value.path.key("match")
        if match.protocols.isEmpty {
            match.protocols = FrontProtocolName.allCases.filter { $0 != .sse && fits($0, backend.protocol) }
        }
        if let wrong = match.protocols.first(where: { !fits($0, backend.protocol) }) {
            route.refuse(
                at: place.key("protocol"),
                "\(wrong.rawValue) does not fit the back-end \(route.written("backend") ?? "here"), "
                    + "which speaks \(backend.protocol.rawValue)",
                hint: table)
        }
        let isAllGRPC = match.protocols.allSatisfy {
            $0 == .grpc || $0 == .grpcWeb || $0 == .sse && backend.protocol == .grpc
        }
        if !isAllGRPC, match.service != nil {
            route.refuse(
                at: place.key("service"), "only gRPC calls have a service", hint: "Match by path or pathPrefix.")
        }
    }
}
