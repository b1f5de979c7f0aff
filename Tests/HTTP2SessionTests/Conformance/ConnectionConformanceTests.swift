// rtbridge: preface, frames and what is unknown (RFC 9113 §3.4, §4.1, §4.2, §5.5).
// SPDX-License-Identifier: Apache-2.0

import HTTP2Session
import Testing

struct ConnectionConformanceTests {
    @Test(arguments: prefaces + frames + unknown, ConformanceCase.cuts)
    func table(_ row: ConformanceCase, _ cut: Cut) throws { try row.check(cut) }

    private static func preface(_ text: String) -> Step { .send(Array(text.utf8) + RawFrame.settings()) }

    private static let noPreface: [Reaction] = [.refused, .connection(.protocolError)]
    private static let protocolError: [Reaction] = [.connection(.protocolError)]

    static let prefaces: [ConformanceCase] = [
        // "Clients and servers MUST treat an invalid connection preface as a connection error of type PROTOCOL_ERROR. A
        // GOAWAY frame MAY be omitted in this case".
        .init("3.4", "the last byte is wrong", [preface("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r")], noPreface).unmet,
        .init("3.4", "the version is 1.0", [preface("PRI * HTTP/1.0\r\n\r\nSM\r\n\r\n")], noPreface).unmet,
        .init("3.4", "in lower case", [preface("pri * http/2.0\r\n\r\nsm\r\n\r\n")], noPreface).unmet,
        .init("3.4", "lines end with LF", [preface("PRI * HTTP/2.0\n\nSM\n\n      ")], noPreface).unmet,
        .init("3.4", "SETTINGS alone", [.settings((3, 1)), .settings(), .settings()], noPreface).unmet,
        .init("3.4", "after an empty line", [preface("\r\nPRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")], noPreface).unmet,
        // "This sequence MUST be followed by a SETTINGS frame, which MAY be empty."
        .init("3.4", "empty SETTINGS follow", [.settings()], [.goesOn]).afterPreface,
        .init("3.4", "SETTINGS and a request at once", [.settings(), .request(1)], [.goesOn], heard: ["1 head"])
            .afterPreface,
        .init("3.4", "PING comes first", [.ping(), .settings()], protocolError).afterPreface,
        .init("3.4", "a request comes first", [.request(1), .settings()], protocolError, heardOnError: []).afterPreface,
        .init("3.4", "WINDOW_UPDATE comes first", [.windowUpdate(0, 1), .settings()], protocolError).afterPreface,
        .init("3.4", "an acknowledgement comes first", [.frame(.settings, flags: 1), .settings()], protocolError)
            .afterPreface,
        .init("3.4", "an unknown frame comes first", [.unknown(stream: 0), .settings()], protocolError).afterPreface,
        // RFC 9218 §2.1.
        .init("3.4", "SETTINGS_NO_RFC7540_PRIORITIES", [.settings((9, 1)), .request(1)], [.goesOn], heard: ["1 head"])
            .afterPreface,
        // "The server connection preface consists of a potentially empty SETTINGS frame … that MUST be the first frame".
        .back("3.4", "SETTINGS", [.settings()], [.goesOn]).afterPreface,
        .back("3.4", "PING comes first", [.ping(), .settings()], protocolError).afterPreface,
        .back("3.4", "GOAWAY comes first", [.goaway(0, .protocolError)], protocolError).afterPreface,
        .back("3.4", "a response comes first", [.headers(1, [(":status", "200")])], protocolError, heardOnError: [])
            .afterPreface,
        .back("3.4", "an acknowledgement comes first", [.frame(.settings, flags: 1)], protocolError).afterPreface,
    ]

    private static let ignored: [Reaction] = [.goesOn]
    private static let reserved: UInt32 = 0x8000_0000
    private static let large = Array(repeating: UInt8(0), count: 16_385)
    private static let tooLarge: [Reaction] = [.connection(.frameSizeError)]

    static let frames: [ConformanceCase] = [
        // "Unused flags MUST be ignored on receipt"; "Reserved … MUST be ignored when receiving".
        .init("4.1", "PING with undefined flags", [.ping(flags: 0xFE)], ignored),
        .init(
            "4.1", "DATA with undefined flags", [.request(1), .frame(.data, flags: 0xF6, stream: 1, [7])], ignored,
            heard: ["1 head", "1 body 1"]),
        .init(
            "4.1", "HEADERS with undefined flags",
            [.frame(.headers, flags: 0x52 | RawFrame.endHeaders, stream: 1, RawFrame.block(RawFrame.request))], ignored,
            heard: ["1 head"]),
        .init("4.1", "SETTINGS with undefined flags", [.frame(.settings, flags: 0xFE)], ignored),
        .init(
            "4.1", "WINDOW_UPDATE with undefined flags",
            [.frame(.windowUpdate, flags: 0xFF, RawFrame.bigEndian(1))], ignored),
        .init(
            "4.1", "RST_STREAM with undefined flags",
            [.request(1), .frame(.rstStream, flags: 0xFF, stream: 1, RawFrame.bigEndian(8))], ignored, heard: ["1 head"]
        ),
        .init("4.1", "PING with the reserved bit", [.ping(stream: reserved)], ignored),
        .init("4.1", "SETTINGS with the reserved bit", [.frame(.settings, stream: reserved)], ignored),
        .init(
            "4.1", "a request with the reserved bit", [.request(1 | reserved), .data(1 | reserved, "x", end: true)],
            ignored, heard: ["1 head", "1 body 1", "1 ended"]),
        // "MUST send an error code of FRAME_SIZE_ERROR if a frame exceeds the size defined in SETTINGS_MAX_FRAME_SIZE …
        // A frame size error in a frame that could alter the state of the entire connection MUST be treated as a
        // connection error".
        .init(
            "4.2", "DATA of 16384", [.request(1), .data(1, count: 16_384)], ignored, heard: ["1 head", "1 body 16384"]),
        .init(
            "4.2", "DATA of 16385", [.request(1), .data(1, count: 16_385)], [.stream(1, .frameSizeError)] + tooLarge),
        .init("4.2", "HEADERS of 16385", [.block(1, large)], tooLarge),
        .init(
            "4.2", "SETTINGS of more than 16384",
            [.frame(.settings, Array(repeating: 0xFF, count: 16_386))], tooLarge),
        .init("4.2", "an unknown frame of 16384", [.unknown(stream: 0, Array(repeating: 0, count: 16_384))], ignored),
        .init("4.2", "an unknown frame of 16385 on stream 0", [.unknown(stream: 0, large)], tooLarge),
        .init(
            "4.2", "a frame of 2^24-1 is given up at its header",
            [.send([0xFF, 0xFF, 0xFF, RawFrame.Kind.headers.rawValue, 0x4, 0, 0, 0, 1])], tooLarge),
        .back(
            "4.2", "DATA of 16385", [.headers(1, [(":status", "200")]), .data(1, count: 16_385)],
            [.stream(1, .frameSizeError)] + tooLarge),
    ]

    static let unknown: [ConformanceCase] = [
        // "Implementations MUST ignore unknown or unsupported values in all extensible protocol elements".
        .init("5.5", "on stream 0", [.unknown(stream: 0)], ignored),
        .init("5.5", "empty", [.unknown(stream: 0, [])], ignored),
        .init("5.5", "with all flags", [.unknown(flags: 0xFF, stream: 0)], ignored),
        .init("5.5", "of type 255", [.unknown(0xFF, stream: 0)], ignored),
        .init("5.5", "ALTSVC from a client (RFC 7838 §4)", [.unknown(0xA, stream: 0, [0, 0])], ignored),
        .init("5.5", "ORIGIN from a client (RFC 8336 §2.1)", [.unknown(0xC, stream: 0, [0, 0])], ignored),
        .init(
            "5.5", "PRIORITY_UPDATE (RFC 9218 §7.1)", [.unknown(0x10, stream: 0, [0, 0, 0, 1] + Array("u=3".utf8))],
            ignored),
        .init(
            "5.5", "on an open stream", [.request(1), .unknown(stream: 1), .data(1, "x", end: true)], ignored,
            heard: ["1 head", "1 body 1", "1 ended"]),
        .init("5.5", "on an idle stream", [.unknown(stream: 3), .request(1)], ignored, heard: ["1 head"]),
        .back(
            "5.5", "on an open stream", [.unknown(stream: 1), .headers(1, [(":status", "200")], end: true)], ignored,
            heard: ["1 head", "1 ended"]),
        .back("5.5", "ALTSVC on stream 0 without an origin", [.unknown(0xA, stream: 0, [0, 0])], ignored),
        .back("5.5", "ORIGIN of a server", [.unknown(0xC, stream: 0, [0, 9] + Array("http://a:".utf8))], ignored),
        // "extension frames that appear in the middle of a field block MUST be treated as a connection error of type
        // PROTOCOL_ERROR".
        .init(
            "5.5", "within a field block",
            [.headers(1, RawFrame.request, endHeaders: false), .unknown(stream: 1), .continuation(1, [])],
            protocolError,
            heardOnError: []
        ),
        .init("5.5", "an unknown setting", [.settings((0xFF00, 5), (0, 1))], ignored),
        .init(
            "5.5", "RST_STREAM with an unknown code", [.request(1), .resetFrame(1, .init(rawValue: 0xFFFF_FFFF))],
            ignored, heard: ["1 head"]),
        .init("5.5", "GOAWAY with an unknown code", [.request(1), .goaway(0, .init(rawValue: 0xABCD))], ignored)
            .with { $0.allowsRequest = false },
    ]
}

extension ConformanceCase {
    /// The steps are all that the peer says.
    fileprivate var unmet: Self { with { $0.greeting = .nothing } }
    /// The steps follow the preface.
    fileprivate var afterPreface: Self { with { $0.greeting = .preface } }
}
