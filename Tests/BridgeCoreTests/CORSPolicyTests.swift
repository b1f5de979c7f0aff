// rtbridge: what a page of another origin is allowed.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeWire
import Testing

@testable import BridgeCore

/// Fetch standard, §3.2 "CORS protocol".
struct CORSPolicyTests {
    private static func policy(
        _ origins: [String] = ["https://app.example.com"], _ change: (inout CORSOptions) -> Void = { _ in }
    ) -> CORSPolicy {
        var options = CORSOptions(allowOrigins: origins)
        change(&options)
        return CORSPolicy(options)
    }

    private static func origin(_ policy: CORSPolicy, _ origin: String) -> String? {
        policy.allowedOrigin(FieldBlock(["origin": origin])).map { String(decoding: $0, as: UTF8.self) }
    }

    private static func preflight(_ policy: CORSPolicy, asking headers: String?) -> [String: String] {
        let fields = headers.map { [("access-control-request-headers", $0)] } ?? []
        let head = RequestHead.make("OPTIONS", "/", fields)
        let answer = policy.preflight(head, origin: FieldValue("https://app.example.com".utf8), methods: "POST".utf8)
        return Dictionary(answer.pairs.map { ($0.name, $0.value) }) { "\($0) | \($1)" }
    }

    @Test func aPreflightIsOptionsWithOriginAndTheMethodThatIsAskedFor() {
        let asked = [("origin", "https://a.example"), ("access-control-request-method", "POST")]
        #expect(CORSPolicy.isPreflight(.make("OPTIONS", "/", asked)))
        #expect(!CORSPolicy.isPreflight(.make("POST", "/", asked)))
        #expect(!CORSPolicy.isPreflight(.make("OPTIONS", "/", [asked[0]])))
        #expect(!CORSPolicy.isPreflight(.make("OPTIONS", "/", [asked[1]])))
    }

    @Test(arguments: [
        "http://app.example.com", "https://app.example.com:8443", "https://app.example.co", "https://app.example.com.",
        "https://APP.example.com", "null", "", "*",
    ])
    func anOriginMustMatchToTheLetter(_ origin: String) {
        #expect(Self.origin(Self.policy(), origin) == nil)
        #expect(Self.origin(Self.policy(), "https://app.example.com") == "https://app.example.com")
    }

    @Test func aStarLetsEveryOriginInAndNamesIt() {
        #expect(Self.origin(Self.policy(["*"]), "https://any.example") == "https://any.example")
        #expect(Self.policy(["*"]).allowedOrigin(FieldBlock()) == nil, "without an origin there is nothing to allow")
    }

    @Test func aPreflightIsAnsweredWithAllThatIsAllowed() {
        let answer = Self.preflight(Self.policy { $0.maxAge = .seconds(90) }, asking: "x-tenant, content-type")
        #expect(
            answer == [
                ":status": "204", "access-control-allow-origin": "https://app.example.com",
                "access-control-allow-methods": "POST", "access-control-allow-headers": "x-tenant, content-type",
                "access-control-max-age": "90",
                "vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
            ])
    }

    @Test(
        arguments: [
            ("x-tenant, X-Other,Content-Type", "x-tenant, content-type"),
            ("x-grpc-web,grpc-timeout", "x-grpc-web, grpc-timeout"),
            ("x-other", nil), ("", nil), (", ,", nil), (nil, nil),
        ] as [(String?, String?)])
    func aListGrantsItselfAndWhatTheProtocolNeeds(_ asked: String?, _ granted: String?) {
        let policy = Self.policy { $0.allowHeaders = .list(["x-tenant"]) }
        #expect(Self.preflight(policy, asking: asked)["access-control-allow-headers"] == granted)
    }

    @Test func credentialsAreSaidInBothAnswers() {
        let policy = Self.policy { $0.allowCredentials = true }
        #expect(Self.preflight(policy, asking: nil)["access-control-allow-credentials"] == "true")
        var response = FieldBlock([":status": "200"])
        policy.decorate(&response, origin: FieldValue("https://app.example.com".utf8), exposing: [])
        #expect(response.string("access-control-allow-credentials") == "true")
        #expect(Self.preflight(Self.policy(), asking: nil)["access-control-allow-credentials"] == nil)
    }

    @Test func anAnswerExposesTheStatusAndWhatItCarries() {
        var response = FieldBlock([":status": "200", "x-note": "1"])
        Self.policy().decorate(
            &response, origin: FieldValue("https://a.example".utf8), exposing: Array(", x-note".utf8))
        #expect(
            response
                == FieldBlock([
                    ":status": "200", "x-note": "1", "access-control-allow-origin": "https://a.example",
                    "access-control-expose-headers": "grpc-status, grpc-message, grpc-status-details-bin, x-note",
                    "vary": "Origin",
                ]))
    }
}
