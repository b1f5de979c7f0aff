// rtbridge: what is legal and surely not meant.
// SPDX-License-Identifier: Apache-2.0

/// Looks over a document without errors. Its routes stand where they stand in the file.
struct Lint {
    private let document: Document
    private let root: JSONNode
    private let reading: Reading

    init(_ document: Document, _ root: JSONNode, _ reading: Reading) {
        self.document = document
        self.root = root
        self.reading = reading
    }

    func run() {
        for listener in document.listeners { checkDevelopment(listener) }
        for finding in ListenerLint.findings(document) { warn(finding.path, finding.message, hint: finding.hint) }
        for backend in document.backends {
            checkVerification(backend, JSONPath.root.key("backends").name(backend.name))
        }
        checkShadows()
        for (index, route) in document.routes.enumerated() {
            let path = JSONPath.root.key("routes").index(index)
            if !document.backends.contains(route.backend) { checkVerification(route.backend, path.key("backend")) }
            checkDeadline(route, path)
            checkHTTPVersion(route, path)
            checkIdleOptions(route, path)
            for finding in ReconnectLint.findings(route) {
                warn(path.key("reconnect").key(finding.key), finding.message, hint: finding.hint)
            }
        }
    }

    // MARK: - Listeners

    private func checkDevelopment(_ listener: Listener) {
        guard listener.tls?.development == true, case .host(let host, _) = listener.address,
            host == "0.0.0.0" || host == "::"
        else { return }
        warn(
            JSONPath.root.key("listeners").name(listener.name).key("tls").key("development"),
            "a self-signed certificate on an address that all networks reach",
            hint: "Listen on 127.0.0.1, or write \"certificates\" for use by others.")
    }

    // MARK: - Back-ends

    private func checkVerification(_ backend: Backend, _ path: JSONPath) {
        guard backend.tls?.verify == false else { return }
        warn(
            path.key("tls").key("verify"), "any certificate is taken, so nobody knows who the back-end is",
            hint: "Name the CA in \"caFile\", and the name to expect in \"serverName\".")
    }

    // MARK: - Routes

    private func checkShadows() {
        let scopes = document.routes.map { MatchScope($0.match, listeners: document.listeners) }
        let routes = JSONPath.root.key("routes")
        for (index, scope) in scopes.enumerated() {
            guard let shadow = scopes[..<index].firstIndex(where: { $0.covers(scope) }) else { continue }
            // Named by its place: a name may be made of what came out of `${…}`.
            warn(
                routes.index(index), "never reached: \(routes.index(shadow)) takes all that it matches",
                hint: "Routes are tried in order; put the narrower one first.")
        }
    }

    /// A method may stream as long as it likes; only who names a single one can know that it does not.
    private func checkDeadline(_ route: Route, _ path: JSONPath) {
        guard route.timeouts.deadline != nil else { return }
        let isOneMethod = route.match.method != nil || route.match.path != nil
        if isOneMethod, !route.match.protocols.contains(.websocket) { return }
        warn(
            path.key("timeouts").key("deadline"), "a total deadline on a route that may stream",
            hint: "It ends streams however busy they are; timeouts.idle ends those that are silent.")
    }

    private func checkHTTPVersion(_ route: Route, _ path: JSONPath) {
        let reachable = document.listeners.filter {
            (route.match.listener ?? $0.name) == $0.name && $0.withoutHTTP == nil
        }
        guard let listener = reachable.first(where: { !$0.protocols.contains(.http2) }) else { return }
        if route.match.protocols.contains(.grpcWeb) {
            warn(
                path.key("match").key("protocol"),
                "grpc-web on the listener \(quoted(listener.name)), which has no h2",
                hint: "Browsers open six HTTP/1.1 connections to a host, and each stream takes one.")
        } else if route.match.protocols.contains(.grpc), reachable.allSatisfy({ !$0.protocols.contains(.http2) }) {
            warn(
                path.key("match").key("protocol"), "grpc on the listener \(quoted(listener.name)), which has no h2",
                hint: "gRPC needs HTTP/2: no call will come this way.")
        }
    }

    /// Options of a protocol that the route does not have.
    private func checkIdleOptions(_ route: Route, _ path: JSONPath) {
        let fronts = route.match.protocols
        let isGRPC = fronts.contains(.grpc) || fronts.contains(.grpcWeb)
        let hasCalls = fronts.contains(.grpcWeb) && route.grpcWeb.websockets
        let back = route.backend.protocol
        let options: [(key: String, isUsed: Bool, hint: String)] = [
            ("grpcWeb", fronts.contains(.grpcWeb), "It is for grpc-web."),
            (
                "cors", fronts.contains(.grpcWeb) || fronts.contains(.http) || fronts.contains(.sse),
                "It is for grpc-web, sse and http; websocket.allowOrigins guards WebSockets."
            ),
            ("maxMessageBytes", isGRPC, "It is for gRPC; WebSockets have websocket.maxMessageBytes."),
            ("websocket", fronts.contains(.websocket) || hasCalls, "It is for websocket, and for grpcWeb.websockets."),
            ("tcp", back == .tcp, "It is for tcp back-ends; this one speaks \(back.rawValue)."),
            ("http", fronts.contains(.http), "It is for http."), ("sse", fronts.contains(.sse), "It is for sse."),
            (
                "retryPolicy", isGRPC,
                fronts.contains(.http)
                    ? "It is for gRPC calls; HTTP requests go to the next endpoint by themselves when one is not reached."
                    : "It is for gRPC calls."
            ),
            ("udp", back == .udp, "It is for udp back-ends; this one speaks \(back.rawValue)."),
        ]
        for option in options
        where !option.isUsed && root.find(path.key(option.key)).map(\.node.value) ?? .null != .null {
            warn(path.key(option.key), "has no effect on this route", hint: option.hint)
        }
        let subprotocols = path.key("websocket").key("subprotocols")
        if back == .websocket, root.find(subprotocols).map(\.node.value) ?? .null != .null {
            warn(
                subprotocols, "has no effect on this route",
                hint: "A websocket back-end chooses by itself among what the client offers.")
        }
    }

    // MARK: - Inside

    /// At the key of the path, or at the nearest thing around it that is in the file.
    private func warn(_ path: JSONPath, _ message: String, hint: String) {
        var place = path
        while !place.steps.isEmpty {
            if let found = root.find(place) {
                reading.report(
                    at: found.keyPosition ?? found.node.position, path, message, hint: hint, severity: .warning)
                return
            }
            place.steps.removeLast()
        }
    }
}
