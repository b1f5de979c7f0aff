// rtbridge: which fields make a message malformed (RFC 9113 §8.2).
// SPDX-License-Identifier: Apache-2.0

import HTTP2Session
import Testing

struct FieldConformanceTests {
    /// Where a field stands: all of these are field sections of RFC 9113 §8.1.
    enum Place: CaseIterable, Sendable { case request, requestTrailers, response, responseTrailers }

    struct Field: Sendable, CustomTestStringConvertible {
        enum Verdict: Sendable {
            case valid
            /// The message is malformed (§8.2: "MUST be treated as malformed").
            case malformed
            /// It passes without the white space around its value.
            case stripped
            case either
        }

        let name: String
        let bytes: [UInt8]
        let value: [UInt8]
        let verdict: Verdict

        init(_ name: String, _ value: String, _ verdict: Verdict) {
            self.init(name, Array(name.utf8), Array(value.utf8), verdict)
        }

        init(_ name: String, _ bytes: [UInt8], _ value: [UInt8], _ verdict: Verdict) {
            (self.name, self.bytes, self.value, self.verdict) = (name, bytes, value, verdict)
        }

        /// RFC 7541 §6.2.2.
        var block: [UInt8] { [0, UInt8(bytes.count)] + bytes + [UInt8(value.count)] + value }
        var testDescription: String { "\(name): \(String(decoding: value, as: UTF8.self).debugDescription)" }
    }

    @Test(arguments: names + controls + connection, Place.allCases)
    func field(_ field: Field, _ place: Place) throws {
        for cut in ConformanceCase.cuts { try check(field, place, cut) }
    }

    private func check(_ field: Field, _ place: Place, _ cut: Cut) throws {
        let status = RawFrame.block([(":status", "200")])
        let request = RawFrame.block(RawFrame.request)
        let steps: [Step] =
            switch place {
            case .request: [.block(1, request + field.block, end: true)]
            case .requestTrailers: [.request(1), .block(1, field.block, end: true)]
            case .response: [.block(1, status + field.block, end: true)]
            case .responseTrailers: [.block(1, status), .block(1, field.block, end: true)]
            }
        let role: HTTP2Role =
            switch place {
            case .request, .requestTrailers: .front
            case .response, .responseTrailers: .back
            }
        let run = try ConformanceRun(ConformanceCase("8.2", "", steps, []).with { $0.role = role }, cut)
        let malformed = Reaction.stream(1, .protocolError)
        let seen = run.transcript.lines.filter { $0.stream == 1 }.flatMap(\.fields)
        let line = String(decoding: field.bytes + Array(": ".utf8) + field.value, as: UTF8.self)
        let isSeen = seen.contains(line)
        switch field.verdict {
        case .valid:
            #expect(run.reaction == .goesOn, "\(cut)")
            #expect(isSeen, "\(cut)")
        case .malformed:
            #expect(run.reaction == malformed, "\(cut)")
            #expect(!isSeen && !run.heard.contains("1 ended"), "\(cut)")
        case .stripped:
            let value = String(decoding: field.value, as: UTF8.self).filter { $0 != " " && $0 != "\t" }
            #expect(run.reaction == .goesOn, "\(cut)")
            #expect(!isSeen && seen.contains(String(decoding: field.bytes, as: UTF8.self) + ": \(value)"), "\(cut)")
        case .either:
            #expect([malformed, .goesOn].contains(run.reaction), "\(cut)")
            #expect(run.heard.contains("1 ended") == (run.reaction == .goesOn), "\(cut)")
        }
        #expect(run.closesEveryStreamOnce)
    }

    /// §8.2.1: "A field name MUST NOT contain characters in the ranges 0x00-0x20, 0x41-0x5a, or 0x7f-0xff (all ranges
    /// inclusive)"; with the exception of pseudo-header fields "MUST NOT include a colon".
    static let names: [Field] = [
        Field("x", "1", .valid), Field("a-b_c.d~e", "1", .valid), Field("!#$%&'*+-.^_`|~0", "1", .valid),
        Field("X", "1", .malformed), Field("x-Upper", "1", .malformed), Field("Content-Type", "a/b", .malformed),
        Field("GRPC-STATUS", "0", .malformed), Field("z-Z", "", .malformed),
        Field("", "1", .malformed), Field("a b", "1", .malformed),
        Field("a ", "1", .malformed),
        Field("a:b", "1", .malformed), Field("a:", "1", .malformed),
        // Not tokens (RFC 9110 §5.1): "additional validation" of §8.2.1, which HTTP/1.1 back-ends are owed (§10.3).
        Field("a(b", "1", .malformed), Field("a\"b", "1", .malformed),
        Field("a/b", "1", .malformed), Field("a[b", "1", .malformed),
        Field("a{b}", "1", .malformed), Field("a\\b", "1", .malformed),
        Field("a@b", "1", .malformed), Field("a,b", "1", .malformed),
    ]

    /// Every byte that §8.2.1 forbids, in names and in values.
    static let controls: [Field] =
        (Array(0...0x20) + Array(0x7F...0xFF)).map { (byte: UInt8) in
            Field("0x\(String(byte, radix: 16)) in a name", [0x61, byte, 0x62], [0x31], .malformed)
        } + [
            // "MUST NOT contain the zero value (ASCII NUL, 0x00), line feed … or carriage return … at any position".
            Field("NUL in a value", [0x78], [0x61, 0, 0x62], .malformed),
            Field("LF in a value", [0x78], [0x61, 0x0A, 0x62], .malformed),
            Field("CR in a value", [0x78], [0x61, 0x0D, 0x62], .malformed),
            Field("CR LF and a field in a value", [0x78], Array("1\r\ny: 2".utf8), .malformed),
            Field("NUL ends a value", [0x78], [0x61, 0], .malformed),
            Field("LF begins a value", [0x78], [0x0A, 0x61], .malformed),
            // "MUST NOT start or end with an ASCII whitespace character"; but gRPC PROTOCOL-HTTP2.md, Custom-Metadata: "If it
            // contains leading or trailing whitespace, it may be stripped", and a `grpc-message` may end in SP.
            Field("SP begins a value", [0x78], Array(" a".utf8), .stripped),
            Field("SP ends a value", [0x78], Array("a ".utf8), .stripped),
            Field("HTAB begins a value", [0x78], Array("\ta".utf8), .stripped),
            Field("HTAB ends a value", [0x78], Array("a\t ".utf8), .stripped),
            Field("nothing but SP", [0x78], Array("  ".utf8), .stripped),
            // RFC 9110 §5.5: other control characters "MAY" be kept "within … quoted-string".
            Field("0x01 in a value", [0x78], [0x61, 1, 0x62], .either),
            Field("DEL in a value", [0x78], [0x61, 0x7F, 0x62], .either),
            Field("SP and HTAB within a value", [0x78], Array("a \t b".utf8), .valid),
            Field("obs-text in a value", [0x78], Array("\u{E4}\u{20AC}".utf8), .valid),
            Field("an empty value", [0x78], [], .valid),
        ]

    /// §8.2.2: "any message containing connection-specific header fields MUST be treated as malformed"; "the TE header
    /// field … MAY be present in an HTTP/2 request; when it is, it MUST NOT contain any value other than "trailers"".
    static let connection: [Field] = [
        Field("connection", "close", .malformed), Field("connection", "", .malformed),
        Field("keep-alive", "timeout=5", .malformed), Field("proxy-connection", "keep-alive", .malformed),
        Field("transfer-encoding", "chunked", .malformed), Field("upgrade", "websocket", .malformed),
        Field("te", "gzip", .malformed), Field("te", "trailers, deflate", .malformed), Field("te", "", .malformed),
        Field("te", "trailer", .malformed), Field("te", "trailers", .valid),
        Field("cookie", "a=b", .valid), Field("http2-settings", "AAMAAABk", .valid),
        Field("grpc-status", "0", .valid), Field("x-note-bin", "AAE=", .valid),
    ]

    /// §8.2.3: cookies may come in pieces; they pass in order.
    @Test func fieldsKeepTheirOrderAndNumber() throws {
        let fields = [("cookie", "a=1"), ("x", "1"), ("cookie", "b=2"), ("x", "1"), ("x", "")]
        let row = ConformanceCase("8.2.3", "", [.headers(1, RawFrame.request + fields, end: true)], [.goesOn])
        let run = try ConformanceRun(row)
        #expect(run.transcript.lines.first?.fields.suffix(5) == ["cookie: a=1", "x: 1", "cookie: b=2", "x: 1", "x: "])
    }
}
