// rtbridge: what a byte stream can be matched by.
// SPDX-License-Identifier: Apache-2.0

/// A connection without HTTP has a listener and, over TLS, a name; it has no path, host or headers.
enum TCPMatch {
    static func check(_ match: Match, _ names: Names, _ route: ObjectReader) {
        let place = route.value.path.key("match")
        let isTCP = match.protocols.contains(.tcp)
        if isTCP, match.protocols.count > 1 {
            route.refuse(at: place.key("protocol"), "\"tcp\" stands beside HTTP", hint: "Write a route for each.")
        }
        guard isTCP else {
            if !match.serverNames.isEmpty {
                route.refuse(
                    at: place.key("serverNames"), "only tcp is matched by SNI", hint: "Match HTTP by \"host\".")
            }
            if let listener = match.listener, names.tcpListeners.contains(listener) {
                route.refuse(
                    at: place.key("listener"), "the listener \(quoted(listener)) has no HTTP",
                    hint: "Write \"protocol\": \"tcp\", or another listener.")
            }
            return
        }
        guard let listener = match.listener else {
            return route.refuse(
                at: place.key("listener"), "is missing: tcp has nothing else to be known by",
                hint: "Name a listener with \"protocols\": [\"tcp\"].")
        }
        if !names.tcpListeners.contains(listener) {
            route.refuse(
                at: place.key("listener"), "the listener \(quoted(listener)) speaks HTTP",
                hint: "Name a listener with \"protocols\": [\"tcp\"].")
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
            route.refuse(at: place.key(other.key), "a byte stream has none", hint: "Leave the key out.")
        }
    }
}
