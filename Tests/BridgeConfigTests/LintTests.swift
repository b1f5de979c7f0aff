// rtbridge: warnings of what is legal and surely not meant.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import Testing

struct LintTests {
    /// Routes on lines of their own, from line 3 on.
    private static func warnings(
        _ routes: [String], listeners: String = #""l": {"address": "127.0.0.1:0"}"#
    ) -> [String] {
        complaints("{\"listeners\": {\(listeners)},\n\"routes\": [\n\(routes.joined(separator: ",\n"))\n]}")
            .map { String($0.split(separator: "\n")[0]) }
    }

    private static func route(_ match: String, _ backend: String = "grpc://a:1", _ more: String = "") -> String {
        "{\"match\": {\(match)}, \"backend\": \"\(backend)\"\(more)}"
    }

    @Test func aBackEndThatIsNotVerifiedIsShown() {
        let inline = #"{"protocol": "tcp", "endpoints": ["a:1"], "tls": {"verify": false}}"#
        let text = #"""
            {"listeners": {"l": {"address": "127.0.0.1:0"}},
            "backends": {"b": \#(inline)},
            "routes": [{"match": {"path": "/a"}, "backend": "b"}, {"match": {"path": "/b"}, "backend": \#(inline)}]}
            """#
        #expect(
            complaints(text).map { String($0.split(separator: "\n")[0]) } == [
                "f:2:69: warning: backends.b.tls.verify: any certificate is taken, so nobody knows who the back-end is",
                "f:3:142: warning: routes[1].backend.tls.verify: any certificate is taken, so nobody knows who the back-end is",
            ])
    }

    // MARK: - Listeners without routes, and routes without listeners

    private static let alone =
        #""l": {"address": "a:1"}, "t": {"address": "a:2", "protocols": ["tcp"]}"#
        + #", "u": {"address": "a:2", "protocols": ["udp"]}"#

    @Test func aListenerThatNoRouteServesIsShown() {
        let http = Self.route(#""protocol": "websocket", "listener": "l""#, "tcp://a:1")
        #expect(
            Self.warnings([http], listeners: Self.alone) == [
                "f:1:41: warning: listeners.t: no route takes its connections: every one is closed at once",
                "f:1:88: warning: listeners.u: no route takes its datagrams: every one is dropped",
            ])
        let tcp = Self.route(#""listener": "t""#, "tcp://a:1")
        let udp = Self.route(#""listener": "u""#, "udp://a:1")
        #expect(Self.warnings([http, tcp, udp], listeners: Self.alone) == [])
        #expect(
            Self.warnings([tcp, udp], listeners: Self.alone) == [
                "f:1:16: warning: listeners.l: no route takes its requests: every one is refused"
            ])
    }

    @Test func aListenerThatAnswersForHealthNeedsNoRoute() {
        let text = #"""
            {"listeners": {"l": {"address": "a:1"}, "u": {"address": "a:2", "protocols": ["udp"]}},
            "health": {"onListeners": ["l"]},
            "routes": [{"match": {"listener": "u"}, "backend": "udp://a:1"}]}
            """#
        #expect(complaints(text) == [])
    }

    @Test func aRouteThatNoListenerSpeaksIsShown() {
        let routes = [Self.route(#""listener": "u""#, "udp://a:1"), Self.route(#""path": "/a""#, "udp://a:1")]
        #expect(
            Self.warnings(routes, listeners: #""u": {"address": "a:2", "protocols": ["udp"]}"#) == [
                "f:4:1: warning: routes[1]: never reached: no listener speaks HTTP"
            ])
    }

    @Test func whatAddressesAreSharedByUDPAndTCPIsNoProblem() {
        let listeners =
            #""t": {"address": "a:53", "protocols": ["tcp"]}"#
            + #", "u": {"address": "a:53", "protocols": ["udp"]}"#
        let routes = [Self.route(#""listener": "t""#, "tcp://a:1"), Self.route(#""listener": "u""#, "udp://a:1")]
        #expect(Self.warnings(routes, listeners: listeners) == [])
        #expect(
            Self.warnings(routes, listeners: listeners + #", "v": {"address": "a:53", "protocols": ["udp"]}"#)
                .contains { $0.contains("listeners.v.address: is the address of the listener \"u\" as well") })
    }

    // MARK: - Shadows

    @Test(arguments: [
        ("", #""path": "/a""#), ("", ""), (#""pathPrefix": "/""#, ""),
        (#""pathPrefix": "/a""#, #""pathPrefix": "/ab""#),
        (#""pathPrefix": "/a""#, #""path": "/a""#), (#""path": "/a""#, #""path": "/a""#),
        (#""service": "a.B""#, #""service": "a.B", "method": "C""#),
        (#""service": "a.B", "method": "*""#, #""path": "/a.B/C""#),
        (#""pathPrefix": "/a.B/""#, #""service": "a.B""#), (#""path": "/a.B/C""#, #""service": "a.B", "method": "C""#),
        (#""host": "a.b""#, #""host": "A.b""#), (#""host": "*.b""#, #""host": "a.b""#),
        (#""host": "*.b""#, #""host": "*.a.b""#),
        (#""protocol": ["grpc", "grpc-web"]"#, #""protocol": "grpc""#), (#""listener": "l""#, #""listener": "l""#),
        // With one listener its name says nothing.
        (#""listener": "l""#, ""),
        (#""headers": {"A": "1"}"#, #""headers": {"b": "2", "a": "1"}"#),
    ])
    func aRouteThatIsNeverReachedIsShown(_ first: String, _ second: String) {
        #expect(
            Self.warnings([Self.route(first), Self.route(second)]) == [
                "f:4:1: warning: routes[1]: never reached: routes[0] takes all that it matches"
            ])
    }

    @Test(arguments: [
        (#""path": "/a""#, ""), (#""pathPrefix": "/a/""#, #""path": "/a""#),
        (#""pathPrefix": "/ab""#, #""pathPrefix": "/a""#),
        (#""path": "/a""#, #""path": "/b""#), (#""service": "a.B", "method": "C""#, #""service": "a.B""#),
        (#""service": "a.B""#, #""service": "a.BC""#), (#""service": "a.B", "path": "/x""#, #""service": "a.B""#),
        (#""host": "a.b""#, ""), (#""host": "a.b""#, #""host": "*.b""#), (#""host": "*.b""#, #""host": "b""#),
        (#""host": "*.b""#, #""host": "a.bb""#), (#""protocol": "grpc""#, #""protocol": ["grpc", "grpc-web"]"#),
        (#""headers": {"a": "1"}"#, #""headers": {"a": "2"}"#), (#""headers": {"a": "1"}"#, ""),
    ])
    func aRouteThatCanBeReachedIsNot(_ first: String, _ second: String) {
        #expect(Self.warnings([Self.route(first), Self.route(second)]) == [])
    }

    @Test func routesOfDifferentListenersDoNotShadowEachOther() {
        let two = #""l": {"address": "127.0.0.1:0"}, "m": {"address": "127.0.0.1:0"}"#
        let routes = [#""listener": "l""#, #""listener": "m""#, ""].map { Self.route($0) }
        #expect(Self.warnings(routes, listeners: two) == [])
        #expect(Self.warnings([Self.route(""), Self.route(#""listener": "m""#)], listeners: two).count == 1)
    }

    // MARK: - Deadlines

    @Test func aTotalDeadlineOnWhatMayStreamIsShown() {
        let more = #", "timeouts": {"deadline": "5s"}"#
        func expected(_ column: Int) -> [String] {
            ["f:3:\(column): warning: routes[0].timeouts.deadline: a total deadline on a route that may stream"]
        }
        #expect(Self.warnings([Self.route("", "grpc://a:1", more)]) == expected(53))
        #expect(Self.warnings([Self.route(#""service": "a.B""#, "grpc://a:1", more)]) == expected(69))
        #expect(Self.warnings([Self.route(#""path": "/x""#, "tcp://a:1", more)]) == expected(64))
        #expect(Self.warnings([Self.route(#""service": "a.B", "method": "C""#, "grpc://a:1", more)]) == [])
        #expect(Self.warnings([Self.route(#""path": "/a.B/C""#, "grpc://a:1", more)]) == [])
        #expect(
            Self.warnings([Self.route("", "grpc://a:1", #", "timeouts": {"deadline": "off", "idle": "1s"}"#)]) == [])
    }

    // MARK: - HTTP versions

    @Test func grpcWebWithoutHTTP2IsShown() {
        let old = #""l": {"address": "127.0.0.1:0", "protocols": ["http/1.1"]}, "m": {"address": "127.0.0.1:0"}"#
        #expect(
            Self.warnings([Self.route(#""protocol": "grpc-web""#)], listeners: old) == [
                #"f:3:12: warning: routes[0].match.protocol: grpc-web on the listener "l", which has no h2"#
            ])
        let other = Self.route(#""protocol": "http", "listener": "l""#, "http://a:1")
        #expect(Self.warnings([Self.route(#""protocol": "grpc-web", "listener": "m""#), other], listeners: old) == [])
        #expect(Self.warnings([Self.route(#""protocol": "grpc""#)], listeners: old) == [])
        #expect(
            Self.warnings(
                [
                    Self.route(#""protocol": "grpc", "listener": "l""#),
                    Self.route(#""protocol": "http", "listener": "m""#, "http://a:1"),
                ], listeners: old) == [
                    #"f:3:12: warning: routes[0].match.protocol: grpc on the listener "l", which has no h2"#
                ])
        #expect(Self.warnings([Self.route("", "tcp://a:1")], listeners: old) == [])
    }

    // MARK: - Development certificates

    @Test(arguments: [("0.0.0.0:0", true), ("[::]:0", true), ("127.0.0.1:0", false), ("[::1]:0", false)])
    func aDevelopmentCertificateForTheWorldIsShown(_ address: String, _ isShown: Bool) {
        let listener = "\"l\": {\"address\": \"\(address)\", \"tls\": {\"development\": true}}"
        let warnings = Self.warnings([Self.route("", "tcp://a:1")], listeners: listener)
        #expect(warnings.count == (isShown ? 1 : 0))
        #expect(warnings.allSatisfy { $0.contains("warning: listeners.l.tls.development: a self-signed certificate") })
    }

    // MARK: - Options without effect

    @Test(arguments: [
        ("tcp://a:1", #""grpcWeb": {}"#, "grpcWeb"), ("tcp://a:1", #""cors": {"allowOrigins": ["*"]}"#, "cors"),
        ("tcp://a:1", #""maxMessageBytes": 5"#, "maxMessageBytes"), ("tcp://a:1", #""udp": {}"#, "udp"),
        ("udp://a:1", #""tcp": {}"#, "tcp"),
        ("grpc://a:1", #""websocket": {}, "grpcWeb": {"websockets": false}"#, "websocket"),
        ("grpc://a:1", #""tcp": {}"#, "tcp"), ("ws://a:1", #""tcp": {}"#, "tcp"),
        ("ws://a:1", #""websocket": {"subprotocols": ["x"]}"#, "websocket.subprotocols"),
    ])
    func anOptionWithoutEffectIsShown(_ backend: String, _ option: String, _ key: String) {
        let warnings = Self.warnings([Self.route("", backend, ", " + option)])
        #expect(warnings.count == 1)
        #expect(warnings[0].hasSuffix("warning: routes[0].\(key): has no effect on this route"))
    }

    // MARK: - Reconnection

    @Test(arguments: [
        ("tcp", #""reconnect": {"maxHold": "100ms"}"#, "no second attempt comes before it is over"),
        (
            "tcp", #""reconnect": {"maxHold": "1s", "backoff": {"initial": "1s"}}"#,
            "no second attempt comes before it is over"
        ),
        (
            "tcp", #""timeouts": {"idle": "10s"}, "reconnect": {}"#,
            "a client that is silent is closed before it is over"
        ),
        ("udp", #""udp": {"idle": "10s"}, "reconnect": {}"#, "a client that is silent is closed before it is over"),
    ])
    func reconnectionThatCannotWorkIsShown(_ scheme: String, _ options: String, _ message: String) {
        let warnings = Self.warnings([Self.route("", "\(scheme)://a:1", ", " + options)])
        #expect(warnings.count == 1)
        #expect(warnings[0].hasSuffix("warning: routes[0].reconnect.maxHold: \(message)"))
    }

    @Test func reconnectionThatWorksIsNot() {
        #expect(Self.warnings([Self.route("", "tcp://a:1", #", "reconnect": {}, "udp": null"#)]) == [])
        #expect(Self.warnings([Self.route("", "udp://a:1", #", "reconnect": {"mode": "resume"}"#)]) == [])
        let off = #", "timeouts": {"idle": "off"}, "reconnect": {"maxHold": "2h"}"#
        #expect(Self.warnings([Self.route("", "tcp://a:1", off)]) == [])
    }

    @Test func optionsWithEffectAreNot() {
        let web =
            #", "grpcWeb": {}, "websocket": {}, "cors": {"allowOrigins": ["*"]}, "maxMessageBytes": 5, "tcp": null"#
        #expect(Self.warnings([Self.route("", "grpc://a:1", web)]) == [])
        #expect(Self.warnings([Self.route("", "tcp://a:1", #", "websocket": {}, "tcp": {}"#)]) == [])
        #expect(Self.warnings([Self.route("", "udp://a:1", #", "websocket": {}, "udp": {}"#)]) == [])
        #expect(Self.warnings([Self.route("", "ws://a:1", #", "websocket": {"pingInterval": "1s"}"#)]) == [])
    }
}
