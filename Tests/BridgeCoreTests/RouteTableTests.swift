// rtbridge: which route takes a request.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeWire
import Testing

@testable import BridgeCore

struct RouteTableTests {
    private static func match(
        _ protocols: [FrontProtocolName] = [.grpcWeb], _ change: (inout Match) -> Void = { _ in }
    ) -> RouteMatcher {
        var match = Match(protocols: protocols)
        change(&match)
        return RouteMatcher(match)
    }

    private static func table(_ matches: [(String, Match)]) -> RouteTable {
        let backend = Backend(name: "b", protocol: .tcp, endpoints: [.host("192.0.2.1", port: 7)])
        return RouteTable(
            matches.map { name, match in
                let route = Route(name: name, match: match, backend: backend)
                return WorkerRoute(config: route, connector: FakeConnector(FakeBack()))
            })
    }

    // MARK: One match

    @Test(arguments: [
        ("api.example.com", true), ("API.EXAMPLE.COM", true), ("api.example.com:8443", true),
        ("www.example.com", false), ("api.example.com.evil.test", false), ("xapi.example.com", false), ("", false),
    ])
    func anExactHostIsComparedWithoutPortAndCase(_ authority: String, _ expected: Bool) {
        let matcher = Self.match { $0.host = .exact("api.example.com") }
        #expect(matcher.matches(.make(host: authority), .grpcWeb) == expected)
    }

    @Test(arguments: [
        ("api.example.com", true), ("a.b.example.com:443", true), ("API.Example.Com", true), ("example.com", false),
        ("badexample.com", false), ("api.example.com.evil.test", false), ("", false),
    ])
    func aSuffixTakesEveryNameBelowIt(_ authority: String, _ expected: Bool) {
        let matcher = Self.match { $0.host = .suffix(".example.com") }
        #expect(matcher.matches(.make(host: authority), .grpcWeb) == expected)
    }

    @Test func anIPv6HostIsComparedInItsBrackets() {
        let matcher = Self.match { $0.host = .exact("[::1]") }
        #expect(matcher.matches(.make(host: "[::1]:8443"), .grpcWeb))
        #expect(!matcher.matches(.make(host: "[::2]:8443"), .grpcWeb))
    }

    @Test(arguments: [
        ("/feed", true), ("/feed?x=1", true), ("/feed/", false), ("/feeds", false), ("/FEED", false), ("/", false),
        ("/fee%64", false),
    ])
    func aPathIsExact(_ path: String, _ expected: Bool) {
        let matcher = Self.match { $0.path = "/feed" }
        #expect(matcher.matches(.make("GET", path), .grpcWeb) == expected)
    }

    @Test(arguments: [("/ws/", true), ("/ws/a/b?c", true), ("/ws", false), ("/wsx/", false), ("/a/ws/", false)])
    func aPrefixIsTheBeginningOfThePath(_ path: String, _ expected: Bool) {
        let matcher = Self.match { $0.pathPrefix = "/ws/" }
        #expect(matcher.matches(.make("GET", path), .grpcWeb) == expected)
    }

    @Test func aServiceTakesItsMethodsAndNoOtherService() {
        let service = Self.match { $0.service = "helloworld.Greeter" }
        #expect(service.matches(.make("POST", "/helloworld.Greeter/SayHello"), .grpcWeb))
        #expect(service.matches(.make("POST", "/helloworld.Greeter/"), .grpcWeb))
        #expect(!service.matches(.make("POST", "/helloworld.GreeterTwo/SayHello"), .grpcWeb))
        #expect(!service.matches(.make("POST", "/helloworld.Greeter"), .grpcWeb))
        let method = Self.match {
            $0.service = "helloworld.Greeter"
            $0.method = "SayHello"
        }
        #expect(method.matches(.make("POST", "/helloworld.Greeter/SayHello"), .grpcWeb))
        #expect(!method.matches(.make("POST", "/helloworld.Greeter/SayHelloAgain"), .grpcWeb))
    }

    @Test func everyNamedHeaderMustBeThereWithItsValue() {
        let matcher = Self.match {
            $0.headers = [.init(name: "x-tenant", value: "a"), .init(name: "x-beta", value: "1")]
        }
        let both = [("X-Tenant", "a"), ("x-beta", "1")]
        #expect(matcher.matches(.make(both), .grpcWeb))
        #expect(matcher.matches(.make([("x-tenant", "b")] + both), .grpcWeb), "one of several fields is enough")
        #expect(!matcher.matches(.make([("x-tenant", "a")]), .grpcWeb))
        #expect(!matcher.matches(.make([("x-tenant", "A"), ("x-beta", "1")]), .grpcWeb))
        #expect(!matcher.matches(.make([("x-tenant", "a"), ("x-beta", "1,2")]), .grpcWeb))
    }

    @Test func aRouteTakesItsProtocolsAlone() {
        let matcher = Self.match([.grpc, .grpcWeb])
        #expect(matcher.matches(.make(), .grpc) && matcher.matches(.make(), .grpcWeb))
        #expect(!matcher.matches(.make(), .websocket))
        #expect(matcher.matchesPlace(.make()))
    }

    // MARK: The table

    @Test func theFirstRouteThatMatchesWins() {
        var narrow = Match(protocols: [.websocket])
        narrow.path = "/feed"
        var shadowed = Match(protocols: [.websocket])
        shadowed.path = "/feed"
        var web = Match(protocols: [.grpcWeb])
        web.pathPrefix = "/feed"
        let wide = Match(protocols: [.websocket, .grpcWeb])
        let table = Self.table([("narrow", narrow), ("shadowed", shadowed), ("web", web), ("wide", wide)])
        #expect(table.find(.make("GET", "/feed"), .websocket)?.name == "narrow")
        #expect(table.find(.make("GET", "/other"), .websocket)?.name == "wide")
        #expect(table.find(.make("POST", "/feed"), .grpcWeb)?.name == "web")
        #expect(table.find(.make("POST", "/feed"), .grpc) == nil)
    }

    @Test func thePlaceNamesTheProtocolsThatItTakesOnceEach() {
        var feed = Match(protocols: [.websocket])
        feed.path = "/feed"
        let table = Self.table([
            ("a", feed), ("b", Match(protocols: [.grpcWeb, .websocket])), ("c", Match(protocols: [.grpc])),
        ])
        #expect(table.protocols(at: .make("GET", "/feed")) == [.websocket, .grpcWeb, .grpc])
        #expect(table.protocols(at: .make("GET", "/other")) == [.grpcWeb, .websocket, .grpc])
        #expect(Self.table([]).protocols(at: .make()).isEmpty)
    }

    /// The index leads to the same route as asking each one in turn.
    @Test(arguments: 1...20)
    func manyRoutesAreFoundAsIfEachWereAsked(_ seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        let matches = (0..<200).map { Self.randomMatch($0, &random) }
        let table = Self.table(matches)
        let matchers = matches.map { RouteMatcher($0.1) }
        for _ in 0..<500 {
            let head = RequestHead.make(
                "GET", Self.paths.randomElement(using: &random)!, host: Self.hosts.randomElement(using: &random)!)
            let name = [FrontProtocolName.websocket, .grpcWeb, .grpc].randomElement(using: &random)!
            let expected = matchers.firstIndex { $0.matches(head, name) }.map { matches[$0].0 }
            #expect(table.find(head, name)?.name == expected, "seed \(seed): \(head.path) \(head.hostName) \(name)")
            var names: [FrontProtocolName] = []
            for matcher in matchers where matcher.matchesPlace(head) {
                names += matcher.protocols.filter { !names.contains($0) }
            }
            #expect(table.protocols(at: head) == names, "seed \(seed)")
        }
    }

    private static let paths = ["/", "/a", "/a/", "/a/b", "/a/b/c", "/ab", "/b", "/b/a?x=/a", "/c/d/e/f", "/%61", "*"]
    private static let hosts = ["a.test", "A.TEST:1", "b.a.test", "c.b.a.test", "xa.test", "test", "[::1]:8", ""]

    private static func randomMatch(_ number: Int, _ random: inout SplitMix) -> (String, Match) {
        var match = Match(protocols: [[.websocket], [.grpcWeb], [.grpc, .grpcWeb]].randomElement(using: &random)!)
        switch Int.random(in: 0..<8, using: &random) {
        case 0...3: match.path = paths.randomElement(using: &random)
        case 4, 5: match.pathPrefix = ["/", "/a", "/a/", "/b/", "/c/d/"].randomElement(using: &random)
        case 6: match.service = ["a", "c"].randomElement(using: &random)
        default: match.headers = [.init(name: "x-never", value: "1")]
        }
        switch Int.random(in: 0..<4, using: &random) {
        case 0: match.host = .exact(["a.test", "b.a.test", "[::1]"].randomElement(using: &random)!)
        case 1: match.host = .suffix([".test", ".a.test", ".b.a.test"].randomElement(using: &random)!)
        default: break
        }
        return ("route \(number)", match)
    }
}

extension RequestHead {
    fileprivate static func make(_ fields: [(String, String)]) -> RequestHead { .make("POST", "/", fields) }
}
