// rtbridge: listeners that no route serves, and routes that no listener does.
// SPDX-License-Identifier: Apache-2.0

/// Finds what is refused from the first byte on, whoever comes.
enum ListenerLint {
    struct Finding {
        var path: JSONPath
        var message: String
        var hint: String
    }

    static func findings(_ document: Document) -> [Finding] {
        document.listeners.compactMap { unserved($0, document) }
            + document.routes.enumerated().compactMap { unreachable($1, at: $0, document) }
    }

    private static func unserved(_ listener: Listener, _ document: Document) -> Finding? {
        let isServed = document.routes.contains { route in
            guard let alone = listener.withoutHTTP else {
                return route.match.listener ?? listener.name == listener.name
                    && !route.match.protocols.allSatisfy(\.isWithoutHTTP)
            }
            return route.match.listener == listener.name && route.match.protocols.contains(alone)
        }
        if isServed || document.health.onListeners.contains(listener.name) { return nil }
        let name = quoted(listener.name)
        let what: String
        var match = #""listener": \#(name)"#
        switch listener.withoutHTTP {
        case .tcp: what = "no route takes its connections: every one is closed at once"
        case .udp: what = "no route takes its datagrams: every one is dropped"
        case .grpcWeb, .grpc, .websocket, .sse, .http, nil:
            what = "no route takes its requests: every one is refused"
        }
        if let alone = listener.withoutHTTP { match = #""protocol": "\#(alone.rawValue)", "# + match }
        return Finding(
            path: JSONPath.root.key("listeners").name(listener.name), message: what,
            hint: #"Write a route with "match": { \#(match) }, or take the listener out."#)
    }

    /// What is without HTTP names its listener, which is checked already.
    private static func unreachable(_ route: Route, at index: Int, _ document: Document) -> Finding? {
        guard route.match.listener == nil, document.listeners.allSatisfy({ $0.withoutHTTP != nil }) else { return nil }
        return Finding(
            path: JSONPath.root.key("routes").index(index), message: "never reached: no listener speaks HTTP",
            hint: #"Write a listener without "protocols"; or name one of these in "match": { "listener": … }."#)
    }
}
