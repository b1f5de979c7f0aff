// rtbridge: DATA, HEADERS and CONTINUATION (RFC 9113 §4.3, §6.1, §6.2, §6.10).
// SPDX-License-Identifier: Apache-2.0

import HTTP2Session
import Testing

struct DataHeadersConformanceTests {
    @Test(arguments: data + headers + continuation + compression, ConformanceCase.cuts)
    func table(_ row: ConformanceCase, _ cut: Cut) throws { try row.check(cut) }

    private static let protocolError: [Reaction] = [.connection(.protocolError)]
    private static let tooShort: [Reaction] = [.connection(.frameSizeError), .connection(.protocolError)]
    private static let request = RawFrame.block(RawFrame.request)
    private static let padded = RawFrame.padded

    static let data: [ConformanceCase] = [
        .init("6.1", "on stream 0", [.data(0, "x")], protocolError),
        .init(
            "6.1", "with END_STREAM", [.request(1), .data(1, "hello", end: true)], [.goesOn],
            heard: ["1 head", "1 body 5", "1 ended"]),
        .init("6.1", "empty", [.request(1), .data(1), .data(1)], [.goesOn], heard: ["1 head"]),
        .init(
            "6.1", "empty with END_STREAM", [.request(1), .data(1, end: true)], [.goesOn], heard: ["1 head", "1 ended"]),
        .init(
            "6.1", "padded", [.request(1), .data(1, "hello", end: true, padding: 20)], [.goesOn],
            heard: ["1 head", "1 body 5", "1 ended"]),
        .init(
            "6.1", "padded with nothing", [.request(1), .data(1, "hello", padding: 0)], [.goesOn],
            heard: ["1 head", "1 body 5"]),
        .init(
            "6.1", "nothing but padding", [.request(1), .data(1, end: true, padding: 255)], [.goesOn],
            heard: ["1 head", "1 ended"]),
        // "If the length of the padding is the length of the frame payload or greater, the recipient MUST treat this as a
        // connection error of type PROTOCOL_ERROR."
        .init(
            "6.1", "padding as long as the payload",
            [.request(1), .frame(.data, flags: padded, stream: 1, [5, 1, 1, 1, 1])], protocolError,
            heardOnError: ["1 head"]),
        .init(
            "6.1", "padding longer than the payload",
            [.request(1), .frame(.data, flags: padded, stream: 1, [255, 1, 1])], protocolError, heardOnError: ["1 head"]
        ),
        .init(
            "6.1", "no room for Pad Length (or §4.2)", [.request(1), .frame(.data, flags: padded, stream: 1)], tooShort),
        .back("6.1", "on stream 0", [.data(0, "x")], protocolError),
        .back(
            "6.1", "padding as long as the payload",
            [.headers(1, [(":status", "200")]), .frame(.data, flags: padded, stream: 1, [1])], protocolError),
    ]

    static let headers: [ConformanceCase] = [
        .init(
            "6.2", "padded", [.headers(1, RawFrame.request, end: true, padding: 100)], [.goesOn],
            heard: ["1 head", "1 ended"]),
        .init("6.2", "with priority", [.headers(1, RawFrame.request, dependsOn: 0)], [.goesOn], heard: ["1 head"]),
        .init(
            "6.2", "with priority on an idle stream", [.headers(1, RawFrame.request, dependsOn: 99)], [.goesOn],
            heard: ["1 head"]),
        .init(
            "6.2", "exclusive", [.headers(1, RawFrame.request, dependsOn: 0x8000_0000)], [.goesOn], heard: ["1 head"]),
        .init(
            "6.2", "padded and with priority", [.headers(1, RawFrame.request, padding: 7, dependsOn: 0)], [.goesOn],
            heard: ["1 head"]),
        .init("6.2", "on stream 0", [.block(0, request)], protocolError),
        .init(
            "6.2", "padding longer than what is left",
            [.frame(.headers, flags: RawFrame.endHeaders | padded, stream: 1, [200] + request)], protocolError,
            heardOnError: []),
        .init(
            "6.2", "padding that reaches into the priority",
            [.frame(.headers, flags: 0x2C, stream: 1, [3, 0, 0, 0, 0, 15, 0, 0])], protocolError),
        .init("6.2", "no room for Pad Length (or §4.2)", [.frame(.headers, flags: 0xC, stream: 1)], tooShort),
        .init(
            "6.2", "no room for the priority (or §4.2)", [.frame(.headers, flags: 0x24, stream: 1, [0, 0, 0, 0])],
            tooShort),
        // Stream dependencies are deprecated (§5.3.2); RFC 7540 §5.3.1 had "MUST treat this as a stream error".
        .init(
            "5.3.2", "a stream that depends on itself", [.headers(1, RawFrame.request, dependsOn: 1)],
            [.goesOn, .stream(1, .protocolError)] + protocolError, heard: ["1 head"]),
        .init(
            "6.2", "trailers, padded and with priority",
            [.request(1), .headers(1, [("x", "1")], end: true, padding: 3, dependsOn: 0)], [.goesOn],
            heard: ["1 head", "1 trailers", "1 ended"]),
    ]

    private static func interrupted(_ title: String, _ step: Step) -> ConformanceCase {
        .init(
            "6.10", "interrupted by \(title)", [.request(1), .block(3, request, endHeaders: false), step],
            protocolError,
            heardOnError: ["1 head"])
    }

    private static func split(_ title: String, _ first: Step, _ rest: Step...) -> ConformanceCase {
        .init("6.10", title, [first] + rest, [.goesOn], heard: ["1 head", "1 ended"])
    }

    static let continuation: [ConformanceCase] = [
        // "A receiver MUST treat the receipt of any other type of frame or a frame on a different stream as a connection
        // error of type PROTOCOL_ERROR" (§6.2).
        interrupted("DATA of another stream", .data(1, "x")),
        interrupted("DATA of its stream", .data(3, "x")),
        interrupted("HEADERS of another stream", .request(5)),
        interrupted("HEADERS of its stream", .request(3)),
        interrupted("PRIORITY", .priority(1, dependsOn: 0)),
        interrupted("RST_STREAM", .resetFrame(3)),
        interrupted("SETTINGS", .settings()),
        interrupted("PING", .ping()),
        interrupted("GOAWAY", .goaway(0)),
        interrupted("WINDOW_UPDATE", .windowUpdate(0, 1)),
        interrupted("CONTINUATION of another stream", .continuation(1, request)),
        interrupted("CONTINUATION on stream 0", .continuation(0, request)),
        split(
            "in two", .block(1, Array(request[..<20]), end: true, endHeaders: false),
            .continuation(1, Array(request[20...]))),
        split(
            "within an integer's or a string's bytes", .block(1, Array(request[..<1]), end: true, endHeaders: false),
            .continuation(1, Array(request[1..<5]), endHeaders: false), .continuation(1, Array(request[5...]))),
        split("nothing in HEADERS", .block(1, [], end: true, endHeaders: false), .continuation(1, request)),
        split("nothing in CONTINUATION", .block(1, request, end: true, endHeaders: false), .continuation(1, [])),
        split(
            "nothing in the middle", .block(1, Array(request[..<9]), end: true, endHeaders: false),
            .continuation(1, [], endHeaders: false), .continuation(1, Array(request[9...]))),
        split(
            "after padding and priority",
            .block(1, Array(request[..<9]), end: true, endHeaders: false, padding: 9, dependsOn: 0),
            .continuation(1, Array(request[9...]))),
        split(
            "undefined flags", .block(1, Array(request[..<9]), end: true, endHeaders: false),
            .frame(.continuation, flags: 0xFF, stream: 1, Array(request[9...]))),
        .init(
            "6.10", "trailers in two",
            [.request(1), .block(1, [0, 1], end: true, endHeaders: false), .continuation(1, [0x78, 1, 0x31])],
            [.goesOn],
            heard: ["1 head", "1 trailers", "1 ended"]),
        .init("6.10", "on stream 0", [.continuation(0, [])], protocolError),
        .init(
            "6.10", "after END_HEADERS", [.request(1), .continuation(1, RawFrame.block([("x", "1")]))], protocolError),
        .init(
            "6.10", "after the END_HEADERS of CONTINUATION",
            [.block(1, request, endHeaders: false), .continuation(1, []), .continuation(1, [])], protocolError),
        .init("6.10", "after DATA", [.request(1), .data(1, "x"), .continuation(1, [])], protocolError),
        .back(
            "6.10", "interrupted by PING", [.block(1, [0x88], endHeaders: false), .ping()], protocolError,
            heardOnError: []),
    ]

    private static func block(_ title: String, _ bytes: [UInt8]) -> ConformanceCase {
        .init("4.3", title, [.block(1, request + bytes)], [.connection(.compressionError)], heardOnError: [])
    }

    /// "A decoding error in a field block MUST be treated as a connection error of type COMPRESSION_ERROR."
    static let compression: [ConformanceCase] = [
        block("index 0 (RFC 7541 §6.1)", [0x80]),
        block("an index beyond the table (RFC 7541 §2.3.3)", [0xBE]),
        block("a far index", [0xFF, 0xFF, 0x7F]),
        block("an index of too many bytes (RFC 7541 §5.1)", [0xFF] + Array(repeating: 0xFF, count: 12) + [0x7F]),
        block("a name's index beyond the table", [0x40 | 0x3E, 1, 0x31]),
        block("a string cut short", [0, 5, 0x61]),
        block("an integer cut short", [0xFF, 0x80]),
        block("a name without a value", [0, 1, 0x78]),
        block("a string's length of too many bytes", [0, 0x7F] + Array(repeating: 0xFF, count: 12) + [0x7F]),
        block("a size update after a field (RFC 7541 §4.2)", [0x20]),
        block("Huffman padding of more than 7 bits (RFC 7541 §5.2)", [0, 1, 0x78, 0x82, 0x1F, 0xFF]),
        block("Huffman padding of zeros (RFC 7541 §5.2)", [0, 1, 0x78, 0x81, 0x18]),
        block("Huffman EOS (RFC 7541 §5.2)", [0, 1, 0x78, 0x84, 0xFF, 0xFF, 0xFF, 0xFF]),
        .init(
            "4.3", "a size update above the limit (RFC 7541 §6.3)", [.block(1, [0x3F, 0xE2, 0x1F] + request)],
            [.connection(.compressionError)], heardOnError: []),
        .init(
            "4.3", "size updates to 0 and to 4096", [.block(1, [0x20, 0x3F, 0xE1, 0x1F] + request)], [.goesOn],
            heard: ["1 head"]),
        .init(
            "4.3", "in trailers", [.request(1), .block(1, [0x80], end: true)], [.connection(.compressionError)],
            heardOnError: ["1 head"]),
        .init(
            "4.3", "on a stream that we have reset", [.request(1), .reset(1, .cancel), .block(1, [0x80], end: true)],
            [.connection(.compressionError)]),
        .back("4.3", "in a response", [.block(1, [0x80])], [.connection(.compressionError)], heardOnError: []),
        // The state stays in step over blocks that nobody wants: `x: y` goes into the table, and is asked for later.
        .init(
            "4.3", "the table over trailers of a stream that we have reset",
            [
                .request(1), .reset(1, .cancel), .block(1, [0x40, 1, 0x78, 1, 0x79], end: true),
                .block(3, request + [0xBE]),
            ],
            [.goesOn], heard: ["1 head", "3 head"]),
        .init(
            "4.3", "the table over a malformed request",
            [.block(1, [0x40, 1, 0x78, 1, 0x79]), .block(3, request + [0xBE])], [.stream(1, .protocolError)],
            heardOnError: ["3 head"]),
        .init(
            "4.3", "the table over a field that is malformed itself",
            [.block(1, request + [0x40, 1, 0x58, 1, 0x79, 0x40, 1, 0x78, 1, 0x79]), .block(3, request + [0xBE])],
            [.stream(1, .protocolError)], heardOnError: ["3 head"]),
    ]
}
