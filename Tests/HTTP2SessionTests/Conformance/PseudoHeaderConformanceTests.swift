// rtbridge: pseudo-header fields (RFC 9113 §8.3, §8.5; RFC 8441).
// SPDX-License-Identifier: Apache-2.0

import HTTP2Session
import Testing

struct PseudoHeaderConformanceTests {
    @Test(arguments: requests + paths + responses + connect + extended, ConformanceCase.cuts)
    func table(_ row: ConformanceCase, _ cut: Cut) throws { try row.check(cut) }

    /// "Endpoints MUST treat a request or response that contains undefined or invalid pseudo-header fields as malformed".
    private static let malformed: [Reaction] = [.stream(1, .protocolError)]
    private static let ok: [Reaction] = [.goesOn]

    private static func request(
        _ section: String, _ title: String, _ fields: [(String, String)], _ allowed: [Reaction]
    ) -> ConformanceCase {
        .init(
            section, title, [.headers(1, fields, end: true)], allowed, heard: ["1 head", "1 ended"], heardOnError: [])
    }

    private static func request(
        _ title: String, _ fields: [(String, String)], _ allowed: [Reaction]
    ) -> ConformanceCase {
        request("8.3.1", title, fields, allowed)
    }

    private static let method = (":method", "GET")
    private static let scheme = (":scheme", "http")
    private static let path = (":path", "/")
    private static let authority = (":authority", "test")
    private static let all = [method, scheme, path, authority]

    static let requests: [ConformanceCase] = [
        request("in another order", [path, authority, scheme, method], ok),
        request("8.3", "an unknown one", all + [(":unknown", "1")], malformed),
        request("8.3", "an unknown one first", [(":unknown", "1")] + all, malformed),
        request("8.3", "a name of a colon alone", all + [(":", "1")], malformed),
        request("8.3", "one in upper case", [(":METHOD", "GET"), scheme, path, authority], malformed),
        request("8.3", "that of a response", all + [(":status", "200")], malformed),
        // "The same pseudo-header field name MUST NOT appear more than once in a field block."
        request("8.3", ":method twice", [method] + all, malformed),
        request("8.3", ":scheme twice", [scheme] + all, malformed),
        request("8.3", ":path twice", [path] + all, malformed),
        request("8.3", ":authority twice", [authority] + all, malformed),
        // "All pseudo-header fields MUST appear in a field block before all regular field lines."
        request("8.3", "after a field", [method, scheme, ("x", "1"), path, authority], malformed),
        request("8.3", "all after a field", [("x", "1")] + all, malformed),
        request("8.3", ":authority after a field", [method, scheme, path, ("x", "1"), authority], malformed),
        .init(
            "8.3", "in trailers", [.request(1), .headers(1, [(":path", "/")], end: true)], malformed,
            heardOnError: ["1 head"]),
        .init(
            "8.3", ":status in trailers", [.request(1), .headers(1, [("x", "1"), (":status", "200")], end: true)],
            malformed, heardOnError: ["1 head"]),
        .init(
            "8.3", "an unknown one in trailers", [.request(1), .headers(1, [(":x", "1")], end: true)], malformed,
            heardOnError: ["1 head"]),
        // "All HTTP/2 requests MUST include exactly one valid value for the ":method", ":scheme", and ":path" …".
        request("no :method", [scheme, path, authority], malformed),
        request("no :scheme", [method, path, authority], malformed),
        request("no :path", [method, scheme, authority], malformed),
        request("nothing", [], malformed),
        request("none, but a field", [("x", "1")], malformed),
        request("host in the place of :authority", [method, scheme, path, ("host", "test")], ok),
        // RFC 9110 §4.2.1 wants an authority in http URIs.
        request("neither :authority nor host", [method, scheme, path], ok + malformed),
        request("empty :authority", [method, scheme, path, (":authority", "")], ok + malformed),
        request("empty :method", [(":method", ""), scheme, path, authority], malformed),
        request("empty :scheme", [method, (":scheme", ""), path, authority], malformed),
        request("a :method that is no token", [(":method", "GE T"), scheme, path, authority], malformed),
        request(":method of some other name", [(":method", "PROPFIND!"), scheme, path, authority], ok),
        request("a :scheme with a space", [method, (":scheme", "ht tp"), path, authority], malformed),
        request("a :scheme that begins with a digit", [method, (":scheme", "1http"), path, authority], malformed),
        request(":scheme https", [method, (":scheme", "https"), path, authority], ok),
        request(":scheme HTTP", [method, (":scheme", "HTTP"), path, authority], ok + malformed),
        request(":scheme of another kind", [method, (":scheme", "coap+tcp"), path, authority], ok),
        request("an :authority with a space", [method, scheme, path, (":authority", "te st")], malformed),
        request("an :authority with a slash", [method, scheme, path, (":authority", "te/st")], malformed),
        request("an :authority with CR LF", [method, scheme, path, (":authority", "t\r\nx: y")], malformed),
        // "MUST NOT include the deprecated userinfo subcomponent": what a server does is not said.
        request("an :authority with userinfo", [method, scheme, path, (":authority", "u@test")], ok + malformed),
        request("an :authority with a port", [method, scheme, path, (":authority", "[::1]:80")], ok),
        // "A server SHOULD treat a request as malformed if it contains a Host header field that identifies an entity that
        // differs".
        request("host that differs", all + [("host", "other")], ok + malformed),
        request("host that is the same", all + [("host", "test")], ok),
        request("host twice", all + [("host", "test"), ("host", "test")], ok + malformed),
    ]

    private static func path(
        _ value: String, method: String = "GET", scheme: String = "http", _ allowed: [Reaction]
    ) -> ConformanceCase {
        request(
            "\(method) \(value.debugDescription) of \(scheme)",
            [(":method", method), (":scheme", scheme), (":path", value), authority], allowed)
    }

    /// "This pseudo-header field MUST NOT be empty for "http" or "https" URIs; … MUST include a value of '/'"; "an OPTIONS
    /// request for an "http" or "https" URI that does not include a path component … MUST include a ":path" … of '*'".
    static let paths: [ConformanceCase] = [
        path("", malformed), path("", scheme: "https", malformed), path("", method: "OPTIONS", malformed),
        path("call", malformed), path("?a=b", malformed), path("http://test/", malformed), path("**", malformed),
        path("*", method: "OPTIONS", ok), path("*", method: "GET", malformed), path("*", method: "POST", malformed),
        path("/*", ok), path("//", ok), path("/a?b=c;d", ok), path("/%00", ok), path("/a|b", ok + malformed),
        path("/a b", malformed), path("/a\tb", malformed), path("/a\r\nb", malformed), path("/a\u{7F}", malformed),
        path("/\u{E4}", ok + malformed), path("/a#b", ok + malformed),
        path("call", scheme: "other", ok), path("/call", scheme: "other", ok),
    ]

    private static func response(
        _ title: String, _ fields: [(String, String)], _ allowed: [Reaction]
    ) -> ConformanceCase {
        .back(
            "8.3.2", title, [.headers(1, fields, end: true)], allowed, heard: ["1 head", "1 ended"], heardOnError: [])
    }

    private static func status(_ value: String, _ allowed: [Reaction]) -> ConformanceCase {
        response(":status \(value.debugDescription)", [(":status", value)], allowed)
    }

    /// "For HTTP/2 responses, a single ":status" pseudo-header field is defined"; three digits: RFC 9110 §15.
    static let responses: [ConformanceCase] = [
        status("200", ok), status("299", ok), status("599", ok),
        status("", malformed), status("20", malformed), status("2000", malformed), status("2x0", malformed),
        status(" 200", malformed), status("200 ", malformed), status("+20", malformed), status("-20", malformed),
        // RFC 9110 §15: "Values outside the range 100..599 are invalid"; a client "SHOULD process the response as if it
        // had a 5xx status code".
        status("600", ok + malformed), status("999", ok + malformed), status("099", ok + malformed),
        status("000", ok + malformed),
        response("nothing", [], malformed),
        response("no :status", [("x", "1")], malformed),
        response(":status twice", [(":status", "200"), (":status", "200")], malformed),
        response(":status after a field", [("x", "1"), (":status", "200")], malformed),
        response("one of requests", [(":status", "200"), (":path", "/")], malformed),
        response("those of requests alone", all, malformed),
        response("an unknown one", [(":status", "200"), (":x", "1")], malformed),
        .back(
            "8.3", "in trailers", [.headers(1, [(":status", "200")]), .headers(1, [(":status", "200")], end: true)],
            malformed, heardOnError: ["1 head"]),
    ]

    private static let connecting = (":method", "CONNECT")

    /// §8.5: "The ":scheme" and ":path" pseudo-header fields MUST be omitted. The ":authority" … contains the host and
    /// port".
    static let connect: [ConformanceCase] = [
        .init(
            "8.5", "with :authority", [.headers(1, [connecting, authority]), .data(1, "x")], ok,
            heard: ["1 head", "1 body 1"]),
        request("8.5", "without :authority", [connecting], malformed),
        request("8.5", "with host alone", [connecting, ("host", "test")], malformed),
        request("8.5", "with :path", [connecting, path, authority], malformed),
        request("8.5", "with :scheme", [connecting, scheme, authority], malformed),
        request("8.5", "with all", [connecting, scheme, path, authority], malformed),
    ]

    private static let protocolField = (":protocol", "websocket")
    private static let extendedConnect = [connecting, protocolField, scheme, path, authority]

    private static func on(_ title: String, _ fields: [(String, String)], _ allowed: [Reaction]) -> ConformanceCase {
        request("8441.4", title, fields, allowed).with { $0.options.enablesConnectProtocol = true }
    }

    static let extended: [ConformanceCase] = [
        request("8441.3", ":protocol where it is off", extendedConnect, malformed),
        request("8441.3", ":protocol with GET where it is off", all + [protocolField], malformed),
        on("extended CONNECT", extendedConnect, ok),
        on("extended CONNECT in another order", [authority, path, protocolField, connecting, scheme], ok),
        on("without :scheme", [connecting, protocolField, path, authority], malformed),
        on("without :path", [connecting, protocolField, scheme, authority], malformed),
        // "On requests that contain the :protocol pseudo-header field, the :scheme and :path … MUST also be included";
        // :authority "is interpreted according to Section 8.1.2.3 of [RFC7540]".
        on("without :authority", [connecting, protocolField, scheme, path], malformed + ok),
        on("with GET", all + [protocolField], malformed),
        on(":protocol twice", extendedConnect + [protocolField], malformed),
        on(":protocol after a field", [connecting, scheme, path, authority, ("x", "1"), protocolField], malformed),
        on("plain CONNECT", [connecting, authority], ok),
        on("plain CONNECT with :path", [connecting, authority, path], malformed),
        on("GET", all, ok),
        .init("8441.3", ":protocol in trailers", [.request(1), .headers(1, [protocolField], end: true)], malformed)
            .with { $0.options.enablesConnectProtocol = true },
        .back("8441.4", ":protocol in a response", [.headers(1, [(":status", "200"), protocolField])], malformed),
    ]

    // MARK: What is told

    /// RFC 8441 §3: the setting is sent where it is on, and nowhere else.
    @Test(arguments: [false, true])
    func theSettingSaysWhetherExtendedConnectIsTaken(_ isOn: Bool) throws {
        let row = ConformanceCase("8441.3", "", []).with { $0.options.enablesConnectProtocol = isOn }
        let settings = try #require(try ConformanceRun(row).frames.first)
        #expect(settings.kind == RawFrame.Kind.settings.rawValue)
        let identifiers = stride(from: 0, to: settings.payload.count, by: 6).map { Int(settings.payload[$0 + 1]) }
        #expect(identifiers.contains(8) == isOn)
    }
}
