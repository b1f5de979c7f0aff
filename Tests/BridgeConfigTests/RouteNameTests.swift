// rtbridge: names that are made for routes, and protocols that are understood.
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import BridgeConfig

struct RouteNameTests {
    @Test func routesWithoutNamesGetThemFromTheirMatch() throws {
        let text = document(
            route: [
                #""backend": "b", "match": {"path": "/tcp"}"#,
                #""backend": "b", "match": {"pathPrefix": "/ws/", "host": "a.b"}"#,
                #""backend": "grpc://a:1", "match": {"protocol": "grpc-web"}"#,
                #""backend": "grpc://a:1", "match": {"protocol": ["grpc-web", "grpc"], "host": "*.b"}"#,
                #""backend": "grpc://a:1", "match": {"protocol": "grpc", "service": "a.B"}"#,
                #""backend": "grpc://a:1", "match": {"protocol": "grpc", "service": "a.B", "method": "C"}"#,
                // Taken, and given before.
                #""backend": "b", "match": {"path": "/tcp", "headers": {"x": "1"}}"#,
                #""backend": "b", "match": {"path": "/tcp", "headers": {"x": "2"}}"#,
                #""backend": "b", "match": {"path": "/x"}, "name": "websocket /tcp #2""#,
            ].joined(separator: "}, {"))
        #expect(
            try loaded(text).routes.map(\.name) == [
                "websocket /tcp", "websocket a.b /ws/*", "grpc-web", "grpc-web,grpc *.b", "grpc a.B", "grpc a.B/C",
                "websocket /tcp #3", "websocket /tcp #4", "websocket /tcp #2",
            ])
    }

    @Test(arguments: [
        ("grpc", [FrontProtocolName.grpcWeb, .grpc]), ("tcp", [.websocket]), ("udp", [.websocket]),
    ])
    func aMatchWithoutProtocolTakesAllThatFit(_ scheme: String, _ expected: [FrontProtocolName]) throws {
        #expect(try loaded(document(route: "\"backend\": \"\(scheme)://a:1\"")).routes[0].match.protocols == expected)
    }

    @Test func inlineBackEndsAreNamedAfterWhereTheyAre() throws {
        let route = #""backend": {"protocol": "udp", "endpoints": ["a:1", "[::1]:2"], "timeouts": {"connect": "1s"}}"#
        let backend = try loaded(document(route: route)).routes[0].backend
        #expect(backend.name == "udp://a:1,[::1]:2")
        #expect(backend.connectTimeout == .seconds(1))
    }

    @Test func namedBackEndsAreInTheDocumentWhetherUsedOrNot() throws {
        let document = try loaded(document())
        #expect(document.backends.map(\.name) == ["b"])
        #expect(document.routes[0].backend.name == "tcp://a:1")
    }
}

struct SuggestionTests {
    @Test(arguments: [
        ("adress", "address"), ("idletimeout", "idleTimeout"), ("lsiteners", "listeners"), ("route", "routes"),
        ("max", "maxAge"), ("tsl", "tls"), ("xyz", nil), ("a", nil), ("", nil), ("tl", "tls"),
    ])
    func theNearestWordIsFound(_ word: String, _ expected: String?) {
        let words = ["address", "idleTimeout", "listeners", "routes", "maxAge", "tls"]
        #expect(Suggestion.nearest(to: word, in: words) == expected)
    }

    @Test func aVeryLongWordIsNoTrouble() {
        #expect(Suggestion.nearest(to: String(repeating: "x", count: 1_000_000), in: ["address"]) == nil)
    }
}
