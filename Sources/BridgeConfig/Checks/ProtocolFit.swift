// rtbridge: which front protocol goes to which back-end.
// SPDX-License-Identifier: Apache-2.0

enum ProtocolFit {
    private static let table =
        "grpc-web and grpc go to grpc; websocket goes to tcp, udp or websocket; "
        + "sse goes to tcp, udp or grpc; http goes to http; tcp goes to tcp; udp goes to udp."

    static func fits(_ front: FrontProtocolName, _ back: BackendProtocol) -> Bool {
        switch (front, back) {
        case (.grpcWeb, .grpc), (.grpc, .grpc), (.websocket, .tcp), (.websocket, .udp), (.websocket, .websocket),
            (.sse, .tcp), (.sse, .udp), (.sse, .grpc), (.http, .http), (.tcp, .tcp), (.udp, .udp):
            true
        case (.grpcWeb, _), (.grpc, _), (.websocket, _), (.sse, _), (.http, _), (.tcp, _), (.udp, _): false
        }
    }

    /// Gives a match that names no protocol all that fit back-end and listener but `sse`, which is for who asks for it, and
    /// refuses what does not fit.
    static func complete(_ match: inout Match, _ backend: Backend, _ names: Names, _ route: ObjectReader) {
        let place = route.value.path.key("match")
        if match.protocols.isEmpty {
            let alone = match.listener.flatMap { names.listenersWithoutHTTP[$0] }
            match.protocols =
                alone.map { [$0] }
                ?? FrontProtocolName.allCases.filter {
                    $0 != .sse && !$0.isWithoutHTTP && fits($0, backend.protocol)
                }
        }
        MatchWithoutHTTP.check(match, names, route)
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
