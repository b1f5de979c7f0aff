// rtbridge: a request's head, taken apart.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import Testing

@testable import BridgeCore

struct RequestHeadTests {
    @Test(
        arguments: [
            ("/a/b", "/a/b", nil), ("/a?x=1&y=2", "/a", "x=1&y=2"), ("/?", "/", ""), ("?x", "", "x"), ("", "", nil),
            ("/a%3Fb?c%3Fd?e", "/a%3Fb", "c%3Fd?e"), ("*", "*", nil),
        ] as [(String, String, String?)])
    func pathAndQueryAreCutAtTheFirstQuestionMark(_ target: String, _ path: String, _ query: String?) {
        let head = RequestHead.make("GET", target)
        #expect(String(decoding: head.path, as: UTF8.self) == path)
        #expect(head.query.map { String(decoding: $0, as: UTF8.self) } == query)
    }

    @Test(
        arguments: [
            ("POST", .post), ("GET", .get), ("OPTIONS", .options), ("HEAD", .head), ("post", .other), ("PUT", .other),
            ("", .other), ("GETS", .other),
        ] as [(String, RequestHead.Method)])
    func methodsAreCaseSensitive(_ text: String, _ method: RequestHead.Method) {
        #expect(RequestHead.make(text).method == method)
    }

    @Test func aHeadWithoutMethodAndPathIsNoTrap() {
        let connection = ConnectionInfo(listener: "", isTLS: false, client: "")
        let head = RequestHead(version: .http1, fields: FieldBlock(), connection: connection)
        #expect(head.method == .other && head.path.isEmpty && head.query == nil && head.hostName.isEmpty)
    }

    @Test(arguments: [
        ("api.example.com", "api.example.com"), ("API.Example.COM:8443", "api.example.com"),
        ("localhost:", "localhost"),
        ("[::1]:8443", "[::1]"), ("[2001:DB8::1]", "[2001:db8::1]"), ("10.0.0.1:80", "10.0.0.1"), ("", ""), (":80", ""),
    ])
    func theHostHasNoPortAndNoCapitals(_ authority: String, _ host: String) {
        #expect(RequestHead.make(host: authority).hostName == host)
    }

    @Test func theAuthorityCountsMoreThanTheHostField() {
        #expect(RequestHead.make(host: "a.example", version: .http2, [("host", "b.example")]).hostName == "a.example")
        #expect(RequestHead.make(host: nil, version: .http1, [("host", "B.example:80")]).hostName == "b.example")
    }

    @Test func anyAuthorityIsSurvived() {
        for seed in 0..<2000 as Range<UInt64> {
            var random = SplitMix(seed: seed)
            let alphabet = Array("[]:.a\u{0}%é".utf8)
            let bytes = (0..<Int.random(in: 0...12, using: &random)).map { _ in
                alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
            }
            var fields = FieldBlock()
            fields.append(":authority", bytes)
            let connection = ConnectionInfo(listener: "", isTLS: false, client: "")
            let head = RequestHead(version: .http1, fields: fields, connection: connection)
            #expect(head.hostName.utf8.count <= bytes.count * 3, "seed \(seed)")
        }
    }
}
