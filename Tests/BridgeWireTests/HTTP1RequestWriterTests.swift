// rtbridge: requests as they are written for HTTP/1.1 servers.
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Testing

@testable import BridgeWire

struct HTTP1RequestWriterTests {
    private static func head(_ method: String = "GET", _ more: KeyValuePairs<String, String> = [:]) -> FieldBlock {
        var fields = FieldBlock([":method": method, ":path": "/a?b", ":authority": "h:1"])
        fields.append(FieldBlock(more))
        return fields
    }

    private static func write(
        _ head: FieldBlock, host: String? = nil, _ steps: (inout HTTP1RequestWriter, inout ByteBuffer) -> Void
    ) -> String {
        var writer = HTTP1RequestWriter(head, host: host)
        var buffer = ByteBuffer()
        steps(&writer, &buffer)
        return String(buffer: buffer)
    }

    /// RFC 9112 §3: `request-line = method SP request-target SP HTTP-version`.
    @Test func aRequestWithoutABodyHasNoFraming() {
        let text = Self.write(Self.head("GET", ["accept": "*/*"])) { $0.finish(nil, into: &$1) }
        #expect(text == "GET /a?b HTTP/1.1\r\nhost: h:1\r\naccept: */*\r\n\r\n")
    }

    /// RFC 9110 §8.6.
    @Test(arguments: ["POST", "PUT", "PATCH"])
    func anEmptyBodyOfAMethodThatHasOneIsSaid(_ method: String) {
        let text = Self.write(Self.head(method)) { $0.finish(nil, into: &$1) }
        #expect(text == "\(method) /a?b HTTP/1.1\r\nhost: h:1\r\ncontent-length: 0\r\n\r\n")
    }

    @Test func aLengthThatTheClientGaveStands() {
        let text = Self.write(Self.head("POST", ["content-length": "2"])) { writer, buffer in
            writer.writeHead(into: &buffer)
            #expect(!writer.isChunked && !writer.isOver)
            writer.finish(FieldBlock(["x": "dropped"]), into: &buffer)
            #expect(writer.isOver)
        }
        #expect(text == "POST /a?b HTTP/1.1\r\nhost: h:1\r\ncontent-length: 2\r\n\r\n")
    }

    /// RFC 9112 §7.1.
    @Test func aBodyWithoutALengthGoesInChunksWithItsTrailers() {
        let text = Self.write(Self.head("POST")) { writer, buffer in
            writer.writeHead(into: &buffer)
            writer.writeHead(into: &buffer)
            #expect(writer.isChunked)
            writer.finish(FieldBlock(["x-sum": "1"]), into: &buffer)
            writer.finish(nil, into: &buffer)
        }
        let expected =
            "POST /a?b HTTP/1.1\r\nhost: h:1\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx-sum: 1\r\n\r\n"
        #expect(text == expected)
    }

    @Test func theHostMayBeTheBackEndsOwnAndTEIsNamedByConnection() {
        let text = Self.write(Self.head("GET", ["te": "trailers"]), host: "10.0.0.1:80") { $0.finish(nil, into: &$1) }
        #expect(text == "GET /a?b HTTP/1.1\r\nhost: 10.0.0.1:80\r\nte: trailers\r\nconnection: te\r\n\r\n")
    }

    /// RFC 9110 §5.5: CR, LF and NUL in a value are "either rejected or replaced with SP".
    @Test func aValueCannotBeginANewLine() {
        let text = Self.write(Self.head("GET", ["x": "a\r\nb: c\0"])) { $0.finish(nil, into: &$1) }
        #expect(text == "GET /a?b HTTP/1.1\r\nhost: h:1\r\nx: a  b: c \r\n\r\n")
    }

    // MARK: What may stand in a request line

    @Test(arguments: [
        ("/", true), ("/a?b=%20", true), ("*", true), ("", false), ("a", false), ("/a b", false), ("/a\r\nx: y", false),
        ("/a\tb", false), ("**", false), ("http://h/", false), ("/a#b", false), ("/\u{7f}", false), ("/ä", true),
    ])
    func aTargetIsAPath(_ text: String, _ isValid: Bool) {
        #expect(Array(text.utf8).withUnsafeBytes(HTTP1Target.isTarget) == isValid)
    }

    @Test(arguments: [
        ("GET", true), ("M-SEARCH", true), ("", false), ("GET /", false), ("A\r\n", false), ("G(T", false),
    ])
    func aMethodIsAToken(_ text: String, _ isValid: Bool) {
        #expect(Array(text.utf8).withUnsafeBytes(HTTP1Target.isMethod) == isValid)
    }

    @Test(arguments: [
        ("h", true), ("h:80", true), ("[::1]:8", true), ("", true), ("u@h", false), ("h/", false), ("h x", false),
        ("h\r\n", false), ("h,g", true),
    ])
    func anAuthorityIsAHostAndAPort(_ text: String, _ isValid: Bool) {
        #expect(Array(text.utf8).withUnsafeBytes(HTTP1Target.isAuthority) == isValid)
    }

    // MARK: Forwarded

    private static func forwarded(
        _ client: String, _ host: String, isTLS: Bool = true, keeping request: KeyValuePairs<String, String>?
    ) -> [String] {
        var fields = FieldBlock()
        ForwardedClient(client: client, host: FieldValue(host.utf8), isTLS: isTLS)
            .append(to: &fields, keeping: request.map { FieldBlock($0) })
        return fields.pairs.map { "\($0.name): \($0.value)" }
    }

    /// RFC 7239 §4.
    @Test func theClientIsNamedInEveryForm() {
        #expect(
            Self.forwarded("192.0.2.7", "app.example", keeping: [:]) == [
                "x-forwarded-for: 192.0.2.7", "x-forwarded-proto: https", "x-forwarded-host: app.example",
                "forwarded: for=192.0.2.7;host=app.example;proto=https",
            ])
    }

    /// RFC 7239 §6: brackets and colons are no token, so the value is quoted.
    @Test func anIPv6AddressAndAPortAreQuoted() {
        #expect(
            Self.forwarded("2001:db8::7", "a:8443", isTLS: false, keeping: nil) == [
                "x-forwarded-for: 2001:db8::7", "x-forwarded-proto: http", "x-forwarded-host: a:8443",
                #"forwarded: for="[2001:db8::7]";host="a:8443";proto=http"#,
            ])
    }

    /// RFC 9110 §5.6.4: `quoted-pair = "\\" ( HTAB / SP / VCHAR / obs-text )`.
    @Test func quotesAndBackslashesOfAHostStandBehindABackslash() {
        #expect(
            Self.forwarded("192.0.2.7", "a\"b\\c", keeping: nil).last
                == #"forwarded: for=192.0.2.7;host="a\"b\\c";proto=https"#)
    }

    @Test func whatWasSaidBeforeStandsBeforeOurs() {
        let earlier: KeyValuePairs<String, String> = [
            "x-forwarded-for": "10.0.0.1", "forwarded": "for=10.0.0.1;by=\"a, b\"",
            "x-forwarded-for": "10.0.0.2,10.0.0.3",
            "x-forwarded-proto": "gopher", "x-forwarded-host": "evil",
        ]
        #expect(
            Self.forwarded("192.0.2.7", "h", keeping: earlier) == [
                "x-forwarded-for: 10.0.0.1, 10.0.0.2, 10.0.0.3, 192.0.2.7", "x-forwarded-proto: https",
                "x-forwarded-host: h", #"forwarded: for=10.0.0.1;by="a, b", for=192.0.2.7;host=h;proto=https"#,
            ])
    }
}
