// rtbridge: HTTP/1.1 as it is read, whole, byte by byte and cut anywhere.
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Testing

@testable import BridgeWire

struct HTTP1ParserTests {
    /// A message as a test looks at it.
    struct Message: Equatable {
        var fields: [String] = []
        var body = ""
        var trailers: [String]?
        var isWhole = false
    }

    struct Outcome: Equatable {
        var messages: [Message] = []
        var violation: HTTP1Violation?
        /// What was left behind an upgrade.
        var rest = ""
    }

    private static func lines(_ fields: FieldBlock) -> [String] { fields.pairs.map { "\($0.name): \($0.value)" } }

    /// Parses `text` in pieces of the sizes that `next` gives.
    private static func parse(
        _ text: String, _ kind: HTTP1Parser.Kind, maximumBytes: Int = 1024, isHead: Bool = false, isEnd: Bool = false,
        next: () -> Int
    ) -> Outcome {
        let parser = HTTP1Parser(kind, maximumBytes: maximumBytes)
        parser.isAnswerToHead = isHead
        var outcome = Outcome()
        var isUpgrade = false
        func take(_ parsed: HTTP1Parsed) {
            if let head = parsed.head {
                outcome.messages.append(Message(fields: head.problem.map { [$0] } ?? lines(head.fields)))
                isUpgrade = head.isUpgrade
            }
            let last = outcome.messages.count - 1
            for piece in [parsed.body].compactMap({ $0 }) + parsed.moreBody {
                outcome.messages[last].body += String(buffer: piece)
            }
            if parsed.isEnd {
                outcome.messages[last].isWhole = true
                outcome.messages[last].trailers = parsed.trailers.map(lines)
            }
            outcome.violation = parsed.violation
        }
        var bytes = ByteBuffer(string: text)
        var unread = ByteBuffer()
        while var piece = bytes.readSlice(length: min(max(1, next()), bytes.readableBytes)), piece.readableBytes > 0 {
            unread.writeBuffer(&piece)
            while unread.readableBytes > 0, outcome.violation == nil, !isUpgrade || !outcome.messages.last!.isWhole {
                take(parser.parse(&unread))
            }
        }
        outcome.rest = outcome.violation == nil ? String(buffer: unread) : ""
        if isEnd, outcome.violation == nil { take(parser.finish()) }
        return outcome
    }

    /// The same whole, byte by byte, and at random cuts.
    private static func outcome(
        _ text: String, _ kind: HTTP1Parser.Kind = .requests(isTLS: false), maximumBytes: Int = 1024,
        isHead: Bool = false, isEnd: Bool = false
    ) -> Outcome {
        let whole = parse(text, kind, maximumBytes: maximumBytes, isHead: isHead, isEnd: isEnd) { .max }
        let single = parse(text, kind, maximumBytes: maximumBytes, isHead: isHead, isEnd: isEnd) { 1 }
        #expect(single == whole)
        for _ in 0..<50 {
            let cut = parse(text, kind, maximumBytes: maximumBytes, isHead: isHead, isEnd: isEnd) { .random(in: 1...9) }
            #expect(cut == whole)
        }
        return whole
    }

    private static func outcomeOfResponse(_ text: String, isHead: Bool = false, isEnd: Bool = false) -> Outcome {
        outcome(text, .responses, isHead: isHead, isEnd: isEnd)
    }

    // MARK: Requests

    /// RFC 9112 §3 and §5: names in lower case, values as they came, without the white space before them.
    @Test func aRequestIsSaidAsHTTP2WouldSayIt() {
        let outcome = Self.outcome("GET /a?b HTTP/1.1\r\nHost: h:1\r\nX-One:  Ab \u{e9}\r\nempty:\r\n\r\n")
        let fields = [
            ":method: GET", ":scheme: http", ":path: /a?b", "host: h:1", "x-one: Ab \u{e9}", "empty: ",
            ":authority: h:1",
        ]
        #expect(outcome == Outcome(messages: [Message(fields: fields, isWhole: true)]))
    }

    /// RFC 9110 §5.5: "obs-text" is opaque, and goes on as it came.
    @Test func bytesThatAreNoUTF8ArePassedOn() {
        let parser = HTTP1Parser(.requests(isTLS: true), maximumBytes: 1024)
        var bytes = ByteBuffer(string: "GET / HTTP/1.1\r\nhost: h\r\nx: ")
        bytes.writeBytes([0xE9, 0xFF])
        bytes.writeString("\r\n\r\n")
        let fields = parser.parse(&bytes).head?.fields
        #expect(fields?.first("x").map(Array.init) == [0xE9, 0xFF])
        #expect(fields?.string(":scheme") == "https")
    }

    /// RFC 9112 §9.3.2: requests one behind the other, each taken by itself.
    @Test func requestsThatAreSentAheadComeOneByOne() {
        let first = "POST /1 HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\n\r\nabc"
        let outcome = Self.outcome(first + "\r\nGET /2 HTTP/1.1\r\nhost: h\r\n\r\n")
        #expect(outcome.violation == nil)
        #expect(outcome.messages.map(\.body) == ["abc", ""])
        #expect(outcome.messages.map { $0.fields[2] } == [":path: /1", ":path: /2"])
        #expect(outcome.messages.allSatisfy { $0.isWhole })
    }

    /// RFC 9112 §7.1.
    @Test func chunksArePutTogetherWithTheirTrailers() {
        let text =
            "POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n"
            + "3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-Sum: 1\r\nb: 2\r\n\r\n"
        let outcome = Self.outcome(text)
        #expect(outcome.violation == nil)
        #expect(outcome.messages.map(\.body) == ["abc0123456789"])
        #expect(outcome.messages[0].trailers == ["x-sum: 1", "b: 2"])
    }

    /// RFC 9110 §7.8: what stands behind an upgrade is nobody's but the other protocol's.
    @Test func nothingIsReadBehindAnUpgrade() {
        let text = "GET / HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
        let outcome = Self.outcome(text + "\u{1}GET x")
        #expect(outcome.messages.count == 1 && outcome.messages[0].isWhole)
        #expect(outcome.rest == "\u{1}GET x" && outcome.violation == nil)
    }

    /// RFC 9112 §3.2.2.
    @Test func theAbsoluteFormIsTakenApart() {
        let outcome = Self.outcome("GET http://H:8?q HTTP/1.1\r\nhost: h:8\r\n\r\n")
        #expect(
            outcome.messages[0].fields == [
                ":method: GET", ":scheme: http", ":path: /?q", "host: h:8", ":authority: H:8",
            ])
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\n\r\n", "The Host field is missing."),
        ("GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n", "More than one Host field."),
        ("GET / HTTP/1.1\r\nhost: a,b\r\n\r\n", "More than one Host field."),
        ("GET / HTTP/1.1\r\nhost: u@a\r\n\r\n", "The Host field is not a host and a port."),
        ("GET http://b/ HTTP/1.1\r\nhost: a\r\n\r\n", "The request target and the Host field name different hosts."),
        (
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding is not chunked alone."
        ),
        (
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "Transfer-Encoding is not chunked alone."
        ),
        (
            "POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.0 has no Transfer-Encoding."
        ),
    ])
    func whatOthersMightReadInAnotherWayIsNamed(_ text: String, _ problem: String) {
        #expect(Self.outcome(text).messages.map(\.fields) == [[problem]])
    }

    @Test func aRequestOfHTTP10NeedsNoHost() {
        let parser = HTTP1Parser(.requests(isTLS: false), maximumBytes: 1024)
        var bytes = ByteBuffer(string: "GET / HTTP/1.0\r\n\r\n")
        let head = parser.parse(&bytes).head
        #expect(head?.problem == nil && head?.isHTTP10 == true && head?.isKeepAlive == false)
        #expect(head?.fields.string(":authority") == "")
    }

    /// RFC 9112 §6.1, §6.3 and §11.2: what requests are smuggled with.
    @Test(arguments: [
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +1\r\n\r\na",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1x\r\na\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\n: b\r\n\r\n", "GET / HTTP/1.1\r\nhost: a\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nx: \0\r\n\r\n", "GET / HTTP/1.1\nhost: a\n\n",
        "GET / HTTP/2.0\r\nhost: a\r\n\r\n",
        "GET /\r\n\r\n", "get / HTTP/1.1\r\nhost: a\r\n\r\n", "GET /a b HTTP/1.1\r\nhost: a\r\n\r\n",
    ])
    func aRequestThatIsNoneIsRefused(_ text: String) {
        let outcome = Self.outcome(text)
        #expect(outcome.violation != nil && outcome.violation != .headTooLarge)
        #expect(!outcome.messages.contains { $0.isWhole })
    }

    // MARK: Limits

    @Test func aHeadHasALimitAndSoHaveTheTrailers() {
        let start = "GET / HTTP/1.1\r\nhost: h\r\nx: "
        #expect(Self.outcome(start + String(repeating: "a", count: 57) + "\r\n\r\n", maximumBytes: 64).violation == nil)
        for text in [start + String(repeating: "a", count: 58), "GET /" + String(repeating: "a", count: 64)] {
            #expect(Self.outcome(text, maximumBytes: 64).violation == .headTooLarge)
        }
        let chunked = "POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: "
        #expect(
            Self.outcome(chunked + String(repeating: "a", count: 64), maximumBytes: 64).violation == .headTooLarge)
    }

    @Test func fieldsHaveALimit() {
        func text(_ count: Int) -> String {
            "GET / HTTP/1.1\r\nhost: h\r\n" + String(repeating: "a:b\r\n", count: count - 1) + "\r\n"
        }
        #expect(Self.outcome(text(256)).violation == nil)
        #expect(Self.outcome(text(257)).violation == .headTooLarge)
    }

    // MARK: Responses

    @Test func aResponseBeginsWithItsStatus() {
        let outcome = Self.outcomeOfResponse("HTTP/1.1 204 No Content\r\nA: b\r\ncontent-length: 3\r\n\r\n")
        #expect(
            outcome
                == Outcome(messages: [Message(fields: [":status: 204", "a: b", "content-length: 3"], isWhole: true)]))
        #expect(
            Self.outcomeOfResponse("HTTP/1.1 099 x\r\ncontent-length: 0\r\n\r\n").messages.map { $0.fields[0] }
                == [":status: 099"])
    }

    /// RFC 9110 §15.2: interim responses come before the answer.
    @Test func interimResponsesAreMessagesOfTheirOwn() {
        let outcome = Self.outcomeOfResponse(
            "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 104 x\r\n\r\n"
                + "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
        #expect(
            outcome.messages.map { $0.fields[0] } == [":status: 103", ":status: 100", ":status: 104", ":status: 200"])
        #expect(outcome.messages.map(\.body) == ["", "", "", "ok"] && outcome.messages.allSatisfy { $0.isWhole })
    }

    /// RFC 9112 §6.3.
    @Test func theAnswerToAHeadHasNoBody() {
        let text = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"
        #expect(Self.outcomeOfResponse(text, isHead: true).messages[0].isWhole)
        #expect(!Self.outcomeOfResponse(text).messages[0].isWhole)
    }

    @Test func anAnswerWithoutALengthEndsWithTheConnection() {
        let text = "HTTP/1.1 200 OK\r\n\r\nall of it"
        let open = Self.outcomeOfResponse(text)
        #expect(open.messages.map(\.body) == ["all of it"] && !open.messages[0].isWhole)
        let ended = Self.outcomeOfResponse(text, isEnd: true)
        #expect(ended.messages[0].isWhole && ended.violation == nil)
    }

    @Test(arguments: ["HTTP/1.1 2", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab"])
    func aMessageThatIsCutOffSaysSo(_ text: String) {
        #expect(Self.outcomeOfResponse(text, isEnd: true).violation == .endedEarly)
    }

    @Test func theEndBetweenMessagesIsNone() {
        for text in ["", "\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"] {
            #expect(Self.outcomeOfResponse(text, isEnd: true).violation == nil)
        }
    }

    /// RFC 9112 §2.2: an empty line before a message is none; what begins one without being asked must be seen.
    @Test func aMessageThatHasBegunIsSeen() {
        let parser = HTTP1Parser(.responses, maximumBytes: 1024)
        var bytes = ByteBuffer(string: "\r\n\r\n")
        _ = parser.parse(&bytes)
        #expect(!parser.isInMessage && bytes.readableBytes == 0)
        bytes.writeString("H")
        _ = parser.parse(&bytes)
        #expect(parser.isInMessage)
    }

    @Test func noBytesWhateverTheyAreDoHarm() {
        var random = SystemRandomNumberGenerator()
        let alphabet = Array(
            "GET / HTTP/1.1\r\n\r\nhost: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n0\r\n".utf8)
        for round in 0..<2000 {
            let parser = HTTP1Parser(round % 2 == 0 ? .requests(isTLS: false) : .responses, maximumBytes: 64)
            var bytes = ByteBuffer()
            for _ in 0..<Int.random(in: 1...200, using: &random) {
                bytes.writeInteger(Bool.random(using: &random) ? alphabet.randomElement()! : UInt8.random(in: 0...255))
            }
            var calls = 0
            while bytes.readableBytes > 0, calls < 1000 {
                calls += 1
                let parsed = parser.parse(&bytes)
                if parsed.violation != nil || parsed.head?.isUpgrade == true { break }
            }
            #expect(calls < 1000)
            _ = parser.finish()
        }
    }
}
