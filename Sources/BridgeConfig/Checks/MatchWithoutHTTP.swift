// rtbridge: what a byte stream, or a datagram, can be matched by.
// SPDX-License-Identifier: Apache-2.0

/// What comes without HTTP has a listener and, over TLS, a name; it has no path, host or headers.
enum MatchWithoutHTTP {
    static func check(_ match: Match, _ names: Names, _ route: ObjectReader) {
        guard let alone = match.protocols.first(where: \.isWithoutHTTP) else { return checkHTTP(match, names, route) }
        let place = route.value.path.key("match")
        let word = quoted(alone.rawValue)
        if match.protocols.count > 1 {
            let isHTTP = match.protocols.contains { !$0.isWithoutHTTP }
            route.refuse(
                at: place.key("protocol"), "\(word) stands beside \(isHTTP ? "HTTP" : "another")",
                hint: "Write a route for each.")
        }
        guard let listener = match.listener else {
            return route.refuse(
                at: place.key("listener"), "is missing: \(alone.rawValue) has nothing else to be known by",
                hint: "Name a listener with \"protocols\": [\(word)].")
        }
        let spoken = names.listenersWithoutHTTP[listener]
        if spoken != alone {
            route.refuse(
                at: place.key("listener"), "the listener \(quoted(listener)) speaks \(spoken?.rawValue ?? "HTTP")",
                hint: "Name a listener with \"protocols\": [\(word)].")
        }
        if !match.serverNames.isEmpty, !names.tlsListeners.contains(listener) {
            route.refuse(
                at: place.key("serverNames"), "the listener \(quoted(listener)) has no TLS, and so no SNI",
                hint: "Leave the key out.")
        }
        let others: [(key: String, isThere: Bool)] = [
            ("host", match.host != nil), ("path", match.path != nil), ("pathPrefix", match.pathPrefix != nil),
            ("headers", !match.headers.isEmpty),
        ]
        for other in others where other.isThere {
            route.refuse(
                at: place.key(other.key), alone == .udp ? "a datagram has none" : "a byte stream has none",
                hint: "Leave the key out.")
        }
    }

    private static func checkHTTP(_ match: Match, _ names: Names, _ route: ObjectReader) {
        let place = route.value.path.key("match")
        if !match.serverNames.isEmpty {
            route.refuse(at: place.key("serverNames"), "only tcp is matched by SNI", hint: "Match HTTP by \"host\".")
        }
        guard let listener = match.listener, let alone = names.listenersWithoutHTTP[listener] else { return }
        route.refuse(
            at: place.key("listener"), "the listener \(quoted(listener)) has no HTTP",
            hint: "Write \"protocol\": \(quoted(alone.rawValue)), or another listener.")
    }
}
