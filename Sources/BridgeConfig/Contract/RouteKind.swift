// rtbridge: reading routes.
// SPDX-License-Identifier: Apache-2.0

extension Kind where Value == [Route] {
    /// All routes; those without a name get one from what they match.
    static func routes(_ names: Names) -> Kind {
        .init(read: { value in
            let given = RouteNames()
            let list = Kind<[Route]>.list(of: .route(names, given), atLeast: 1)
            guard var routes = list.read(value) else { return nil }
            for index in routes.indices where routes[index].name.isEmpty {
                routes[index].name = given.make(for: routes[index].match)
            }
            return routes
        })
    }
}

extension Kind where Value == Route {
    static func route(_ names: Names, _ given: RouteNames) -> Kind {
        .object(synonyms: ["target": "backend", "upstream": "backend", "timeout": "timeouts"]) { o in
            let name = o.optional("name", as: .routeName(given))
            var match = Match(protocols: [])
            o.read("match", into: &match, as: .match(names))
            let backend = o.required(
                "backend", as: .reference(names), hint: #"Write for example "backend": "grpc://127.0.0.1:50051"."#)
            var route = Route(
                name: name ?? "", match: match,
                backend: backend ?? Backend(name: "", protocol: .grpc, endpoints: []))
            o.read("grpcWeb", into: &route.grpcWeb, as: .grpcWeb)
            route.cors = o.optional("cors", as: .cors)
            o.read("timeouts", into: &route.timeouts, as: .routeTimeouts)
            o.read("maxMessageBytes", into: &route.maxMessageBytes, as: .messageBytes)
            o.read("errors", into: &route.errorDetail, as: .errorDetail)
            o.read("websocket", into: &route.websocket, as: .webSocket)
            o.read("tcp", into: &route.tcp, as: .tcp)
            o.read("udp", into: &route.udp, as: .udp)
            o.read("http", into: &route.http, as: .http)
            o.read("sse", into: &route.sse, as: .sse)
            route.retryPolicy = o.optional("retryPolicy", as: .retryPolicy)
            route.reconnect = o.optional("reconnect", as: .reconnect)
            for key in ["access", "rateLimit"] { o.later(key) }
            guard let backend else { return nil }
            ProtocolFit.complete(&route.match, backend, names, o)
            let perClient = JSONPath.root.key("udp").key("maxSessionsPerClient")
            if route.match.protocols == [.udp], o.value.node.find(perClient) == nil {
                route.udp.maxSessionsPerClient = route.udp.maxSessions
            }
            ReconnectFit.check(route, o)
            FramingFit.check(route, o)
            CompressionFit.check(route, o)
            return route
        }
    }
}

// MARK: - Match

extension Kind where Value == Match {
    static func match(_ names: Names) -> Kind {
        .object(synonyms: ["prefix": "pathPrefix", "hosts": "host", "protocols": "protocol"]) { o in
            var match = Match(protocols: o.optional("protocol", as: .frontProtocols) ?? [])
            match.listener = o.optional("listener", as: .name(of: "listener", in: names.listeners))
            match.host = o.optional("host", as: .parsed(MatchText.host))
            match.path = o.optional("path", as: .parsed(MatchText.path))
            match.pathPrefix = o.optional("pathPrefix", as: .parsed(MatchText.path))
            match.service = o.optional("service", as: .parsed(MatchText.service))
            let method = o.optional("method", as: .parsed(MatchText.method))
            match.method = method == "*" ? nil : method
            o.read("headers", into: &match.headers, as: .matchFields)
            o.read("serverNames", into: &match.serverNames, as: .distinct(.serverName))
            if o.has("path"), o.has("pathPrefix") {
                o.refuse("pathPrefix", "path and pathPrefix stand together", hint: "Keep one of the two.")
            }
            if match.method != nil, !o.has("service") {
                o.refuse("method", "a method without its service", hint: "Write \"service\" as well.")
            }
            return match
        }
    }
}

extension Kind where Value == [FrontProtocolName] {
    /// One protocol, or a list of them.
    static var frontProtocols: Kind {
        let one = Kind<FrontProtocolName>.word()
        let many = Kind.distinct(one, atLeast: 1)
        return .init(
            read: { value in
                switch value.node.value {
                case .array: return many.read(value)
                case .string, .null, .bool, .number, .object, .invalid: return one.read(value).map { [$0] }
                }
            },
            show: many.show, words: one.words)
    }
}

extension Kind where Value == Match.Host {
    /// Of SNI: `db.example.com`, `*.example.com`.
    static var serverName: Kind {
        var kind = Kind.parsed(MatchText.host)
        kind.show = { host in
            switch host {
            case .exact(let name): quoted(name)
            case .suffix(let suffix): quoted("*" + suffix)
            }
        }
        return kind
    }
}

extension Kind where Value == [Match.Field] {
    static var matchFields: Kind {
        .init(read: { value in
            let fields = Kind<[Named<String>]>.named { _ in .parsed { text throws(Fault) in text } }.read(value)
            var seen: Set<String> = []
            return fields?.compactMap { field in
                do throws(Fault) {
                    let name = try MatchText.fieldName(field.name)
                    if !seen.insert(name).inserted { throw Fault("is written twice, for case does not matter") }
                    return field.entry.map { Match.Field(name: name, value: $0) }
                } catch {
                    field.reader.refuse(Text(value: field.name, written: field.name), error)
                    return nil
                }
            }
        })
    }
}

// MARK: - Names

/// The names of the routes read so far.
final class RouteNames {
    fileprivate var places: [String: JSONPosition?] = [:]

    /// `websocket /tcp`, with a number behind it where that name is taken.
    func make(for match: Match) -> String {
        var parts = [match.protocols.map(\.rawValue).joined(separator: ",")]
        switch match.host {
        case .exact(let host): parts.append(host)
        case .suffix(let suffix): parts.append("*" + suffix)
        case nil: break
        }
        if let path = match.path { parts.append(path) }
        if let prefix = match.pathPrefix { parts.append(prefix + "*") }
        if let service = match.service { parts.append(service + (match.method.map { "/" + $0 } ?? "")) }
        let base = parts.joined(separator: " ")
        var name = base
        var number = 1
        while places[name] != nil {
            number += 1
            name = "\(base) #\(number)"
        }
        places[name] = .some(nil)
        return name
    }
}

extension Kind where Value == String {
    static func routeName(_ given: RouteNames) -> Kind {
        .init(read: { value in
            guard let text = value.text() else { return nil }
            guard !text.value.isEmpty else {
                value.refuse("is empty", hint: "Leave the key out to have a name made.")
                return nil
            }
            if case .some(.some(let first)) = given.places.updateValue(value.node.position, forKey: text.value) {
                value.refuse(
                    text, Fault("is the name of another route", hint: "It stands at \(first.line):\(first.column)."))
            }
            return text.value
        })
    }
}
