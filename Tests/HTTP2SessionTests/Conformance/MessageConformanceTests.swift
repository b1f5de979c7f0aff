// rtbridge: how messages are framed (RFC 9113 §8.1, §8.1.1).
// SPDX-License-Identifier: Apache-2.0

import HTTP2Session
import Testing

struct MessageConformanceTests {
    @Test(arguments: requests + lengths + responses + bodiless, ConformanceCase.cuts)
    func table(_ row: ConformanceCase, _ cut: Cut) throws { try row.check(cut) }

    /// "Malformed requests or responses that are detected MUST be treated as a stream error … of type PROTOCOL_ERROR."
    private static let malformed: [Reaction] = [.stream(1, .protocolError)]
    private static let ok: [Reaction] = [.goesOn]

    static let requests: [ConformanceCase] = [
        .init(
            "8.1", "body and trailers",
            [.request(1), .data(1, "ab"), .data(1, "c"), .headers(1, [("x", "1"), ("y", "2")], end: true)], ok,
            heard: ["1 head", "1 body 3", "1 trailers", "1 ended"]),
        .init(
            "8.1", "trailers without a body", [.request(1), .headers(1, [("x", "1")], end: true)], ok,
            heard: ["1 head", "1 trailers", "1 ended"]),
        .init(
            "8.1", "empty trailers", [.request(1), .headers(1, [], end: true)], ok,
            heard: ["1 head", "1 trailers", "1 ended"]),
        // "An endpoint that receives a HEADERS frame without the END_STREAM flag set after receiving the HEADERS frame
        // that opens a request … MUST treat the corresponding request or response as malformed".
        .init(
            "8.1", "trailers without END_STREAM", [.request(1), .data(1, "x"), .headers(1, [("x", "1")])], malformed,
            heardOnError: ["1 head", "1 body 1"]),
        .init("8.1", "a second head", [.request(1), .request(1)], malformed, heardOnError: ["1 head"]),
        .init(
            "8.1", "a second head with END_STREAM", [.request(1), .request(1, end: true)], malformed,
            heardOnError: ["1 head"]),
        .init("8.1", "1xx is no request", [.headers(1, [(":status", "100")])], malformed, heardOnError: []),
    ]

    private static func length(
        _ value: String, _ title: String, _ body: [Step], _ allowed: [Reaction], heard: [String]? = nil
    ) -> ConformanceCase {
        let head: Step = .headers(1, RawFrame.request + [("content-length", value)])
        return .init("8.1.1", "content-length \(value), \(title)", [head] + body, allowed, heard: heard)
    }

    private static func onlyHead(_ title: String, _ fields: [(String, String)], _ allowed: [Reaction])
        -> ConformanceCase
    {
        .init("8.1.1", title, [.headers(1, RawFrame.request + fields, end: true)], allowed)
    }

    private static let end: Step = .headers(1, [("x", "1")], end: true)

    /// "A request or response is also malformed if the value of a content-length header field does not equal the sum of the
    /// DATA frame payload lengths that form the content".
    static let lengths: [ConformanceCase] = [
        length("5", "one frame", [.data(1, "hello", end: true)], ok, heard: ["1 head", "1 body 5", "1 ended"]),
        length(
            "5", "frames", [.data(1, "he"), .data(1), .data(1, "l"), .data(1, "lo", end: true)], ok,
            heard: ["1 head", "1 body 5", "1 ended"]),
        length(
            "5", "padding does not count", [.data(1, "he", padding: 30), .data(1, "llo", end: true, padding: 0)], ok,
            heard: ["1 head", "1 body 5", "1 ended"]),
        length("5", "trailers", [.data(1, "hello"), end], ok, heard: ["1 head", "1 body 5", "1 trailers", "1 ended"]),
        length(
            "5", "ended by an empty frame", [.data(1, "hello"), .data(1, end: true)], ok,
            heard: ["1 head", "1 body 5", "1 ended"]),
        length("0", "nothing", [.data(1, end: true)], ok, heard: ["1 head", "1 ended"]),
        length("007", "leading zeros", [.data(1, "1234567", end: true)], ok + malformed),
        length("5", "too little", [.data(1, "hell", end: true)], malformed),
        length("5", "too much", [.data(1, "hello!", end: true)], malformed),
        length("5", "too much before the end", [.data(1, "hello!")], malformed),
        length("5", "too much in frames", [.data(1, "hello"), .data(1, "!")], malformed),
        length("5", "too little, with padding", [.data(1, "hell", end: true, padding: 1)], malformed),
        length("5", "too little, with trailers", [.data(1, "hell"), end], malformed),
        length("5", "nothing, with trailers", [end], malformed),
        length("0", "something", [.data(1, "x")], malformed),
        length("1", "an empty frame", [.data(1, end: true)], malformed),
        onlyHead("content-length 5 with END_STREAM", [("content-length", "5")], malformed),
        onlyHead("content-length 0 with END_STREAM", [("content-length", "0")], ok),
        // RFC 9110 §8.6: 1*DIGIT.
        onlyHead("content-length -1", [("content-length", "-1")], malformed),
        onlyHead("content-length +0", [("content-length", "+0")], malformed),
        onlyHead("content-length 0x0", [("content-length", "0x0")], malformed),
        onlyHead("content-length empty", [("content-length", "")], malformed),
        onlyHead("content-length 2^63", [("content-length", "9223372036854775808")], malformed),
        onlyHead("content-length 2^64", [("content-length", "18446744073709551616")], malformed),
        onlyHead("content-length of 40 digits", [("content-length", String(repeating: "1", count: 40))], malformed),
        onlyHead("two different content-length", [("content-length", "0"), ("content-length", "1")], malformed),
        // RFC 9110 §8.6: "either reject the message as invalid or replace the duplicated field values with a single valid
        // Content-Length".
        onlyHead("the same content-length twice", [("content-length", "0"), ("content-length", "0")], ok + malformed),
        onlyHead("a list as content-length", [("content-length", "0, 0")], ok + malformed),
    ]

    private static func status(_ code: String, end: Bool = false, _ fields: [(String, String)] = []) -> Step {
        .headers(1, [(":status", code)] + fields, end: end)
    }

    static let responses: [ConformanceCase] = [
        .back("8.1", "head alone", [status("200", end: true)], ok, heard: ["1 head", "1 ended"]),
        .back(
            "8.1", "body and trailers", [status("200"), .data(1, "abc"), end], ok,
            heard: ["1 head", "1 body 3", "1 trailers", "1 ended"]),
        .back(
            "8.1", "interim responses before the final one", [status("100"), status("103"), status("200", end: true)],
            ok,
            heard: ["1 informational", "1 informational", "1 head", "1 ended"]),
        .back("8.1", "an interim response with END_STREAM", [status("100", end: true)], malformed, heardOnError: []),
        .back(
            "8.1", "nothing but an interim response, then DATA", [status("100"), .data(1, "x", end: true)], malformed,
            heardOnError: ["1 informational"]),
        // As a connection error: §5.4.1.
        .back(
            "8.1", "DATA without a head", [.data(1, "x")], malformed + [.connection(.protocolError)], heardOnError: []),
        .back("8.1", "trailers without a head", [end], malformed, heardOnError: []),
        .back(
            "8.1", "trailers after an interim response", [status("100"), end], malformed,
            heardOnError: ["1 informational"]),
        .back(
            "8.1", "trailers without END_STREAM", [status("200"), .data(1, "x"), .headers(1, [("x", "1")])], malformed,
            heardOnError: ["1 head", "1 body 1"]),
        .back(
            "8.1", "an interim response after the final one", [status("200"), status("100")], malformed,
            heardOnError: ["1 head"]),
        .back(
            "8.1", "a second final response", [status("200"), status("200", end: true)], malformed,
            heardOnError: ["1 head"]),
        // §8.6: "HTTP/2 does not support the 101 (Switching Protocols) informational status code".
        .back("8.6", "101", [status("101")], malformed, heardOnError: []),
        .back(
            "8.1.1", "content-length, too little",
            [status("200", [("content-length", "3")]), .data(1, "ab", end: true)],
            malformed, heardOnError: ["1 head", "1 body 2"]),
        .back(
            "8.1.1", "content-length, nothing", [status("200", end: true, [("content-length", "3")])], malformed,
            heardOnError: []),
        .back(
            "8.1.1", "content-length, too much", [status("200", [("content-length", "3")]), .data(1, "abcd")],
            malformed),
        .back(
            "8.1.1", "content-length, as it says",
            [status("200", [("content-length", "3")]), .data(1, "ab"), .data(1, "c"), end], ok,
            heard: ["1 head", "1 body 3", "1 trailers", "1 ended"]),
    ]

    private static func answer(
        _ title: String, _ call: ConformanceCase.Call, _ steps: [Step], _ allowed: [Reaction],
        heard: [String]? = ["1 head", "1 ended"]
    ) -> ConformanceCase {
        .back("8.1.1", title, [call], steps, allowed, heard: heard)
    }

    private static let five = [("content-length", "5")]

    /// "unless the message is defined as having no content": responses to HEAD, 204 and 304 (RFC 9110 §6.4.1).
    static let bodiless: [ConformanceCase] = [
        answer("HEAD with content-length", .head, [status("200", end: true, five)], ok),
        answer("HEAD with content-length and an empty frame", .head, [status("200", five), .data(1, end: true)], ok),
        answer("HEAD with a body", .head, [status("200", five), .data(1, "hello", end: true)], malformed),
        answer("304 with content-length", .get, [status("304", end: true, five)], ok),
        answer("304 with a body", .get, [status("304"), .data(1, "x")], malformed),
        answer("204", .get, [status("204", end: true)], ok),
        answer("204 with an empty frame", .get, [status("204"), .data(1, end: true)], ok),
        answer("204 with a body", .get, [status("204"), .data(1, "x", end: true)], malformed),
        // RFC 9110 §8.6: "MUST NOT send a Content-Length header field in any response with a status code of 1xx … or 204".
        answer("204 with content-length", .get, [status("204", end: true, five)], ok + malformed),
        answer(
            "204 with content-length 0", .get, [status("204", end: true, [("content-length", "0")])], ok + malformed),
        answer(
            "103 with content-length", .get, [status("103", five), status("200", end: true)], ok + malformed,
            heard: ["1 informational", "1 head", "1 ended"]),
        answer("205 with content-length 0", .get, [status("205", end: true, [("content-length", "0")])], ok),
        answer(
            "CONNECT, 200 and bytes", .connect, [status("200"), .data(1, "hello")], ok, heard: ["1 head", "1 body 5"]),
        // RFC 9110 §9.3.6: "A client MUST ignore any Content-Length … received in a successful response to CONNECT".
        answer(
            "CONNECT, 200 with content-length", .connect,
            [status("200", [("content-length", "1")]), .data(1, "hello")],
            ok + malformed, heard: ["1 head", "1 body 5"]),
        answer(
            "CONNECT, 403 with a body", .connect, [status("403", five), .data(1, "hello", end: true)], ok,
            heard: ["1 head", "1 body 5", "1 ended"]),
    ]

    /// A message that is malformed never ends for its reader.
    @Test(arguments: lengths)
    func aMalformedMessageDoesNotEnd(_ row: ConformanceCase) throws {
        let run = try ConformanceRun(row)
        guard run.reaction != .goesOn else { return }
        #expect(!run.heard.contains("1 ended"))
    }
}
