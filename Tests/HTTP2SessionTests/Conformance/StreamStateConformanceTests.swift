// rtbridge: which frames a stream's state lets come (RFC 9113 §5.1, §5.1.1, §5.1.2, §5.4).
// SPDX-License-Identifier: Apache-2.0

import HTTP2Session
import Testing

struct StreamStateConformanceTests {
    @Test(arguments: idle + halfClosed + closed + afterReset + identifiers + concurrency, ConformanceCase.cuts)
    func table(_ row: ConformanceCase, _ cut: Cut) throws { try row.check(cut) }

    private static let protocolError: [Reaction] = [.connection(.protocolError)]
    private static let trailers: Step = .headers(1, [("x-end", "1")], end: true)
    private static let ok: Step = .headers(1, [(":status", "200")], end: true)

    /// "Receiving any frame other than HEADERS or PRIORITY on a stream in this state MUST be treated as a connection error
    /// of type PROTOCOL_ERROR."
    static let idle: [ConformanceCase] = [
        .init("5.1", "idle: DATA", [.data(1, "x")], protocolError),
        .init("5.1", "idle: RST_STREAM", [.resetFrame(1)], protocolError),
        .init("5.1", "idle: WINDOW_UPDATE", [.windowUpdate(1, 100)], protocolError),
        .init("5.1", "idle: CONTINUATION", [.continuation(1, RawFrame.block(RawFrame.request))], protocolError),
        .init("5.1", "idle: PRIORITY", [.priority(1, dependsOn: 0), .request(1)], [.goesOn], heard: ["1 head"]),
        .init("5.1", "idle, above an open one: DATA", [.request(1), .data(3, "x")], protocolError),
        .init("5.1", "idle, above an open one: RST_STREAM", [.request(1), .resetFrame(3)], protocolError),
        .init("5.1", "idle, above an open one: WINDOW_UPDATE", [.request(1), .windowUpdate(3, 1)], protocolError),
        .init("5.1", "idle, of the server's own: DATA", [.data(2, "x")], protocolError),
        .init("5.1", "idle, of the server's own: RST_STREAM", [.resetFrame(2)], protocolError),
        .init("5.1", "idle, of the server's own: WINDOW_UPDATE", [.windowUpdate(2, 1)], protocolError),
        .init("5.1", "idle, of the server's own: PRIORITY", [.priority(2, dependsOn: 0)], [.goesOn]),
        .back("5.1", "idle: a response", [.headers(3, [(":status", "200")])], protocolError),
        .back("5.1", "idle: DATA", [.data(3, "x")], protocolError),
        .back("5.1", "idle: RST_STREAM", [.resetFrame(3)], protocolError),
        .back("5.1", "idle: WINDOW_UPDATE", [.windowUpdate(3, 1)], protocolError),
        .back("5.1", "idle: PRIORITY", [.priority(3, dependsOn: 0)], [.goesOn]),
        .back("5.1", "idle, of the server: DATA", [.data(2, "x")], protocolError),
        .back("5.1", "idle, of the server: RST_STREAM", [.resetFrame(2)], protocolError),
        .back("5.1", "idle, of the server: WINDOW_UPDATE", [.windowUpdate(2, 1)], protocolError),
    ]

    private static let closedStream: [Reaction] = [.stream(1, .streamClosed), .connection(.streamClosed)]

    /// "If an endpoint receives additional frames, other than WINDOW_UPDATE, PRIORITY, or RST_STREAM, for a stream that is
    /// in this state, it MUST respond with a stream error of type STREAM_CLOSED." As a connection error: §5.4.1.
    static let halfClosed: [ConformanceCase] = [
        .init(
            "5.1", "half-closed (remote): DATA", [.request(1, end: true), .data(1, "x")], closedStream,
            heardOnError: ["1 head", "1 ended"]),
        .init("5.1", "half-closed (remote): empty DATA", [.request(1, end: true), .data(1)], closedStream),
        .init(
            "5.1", "half-closed (remote) by DATA: DATA", [.request(1), .data(1, "x", end: true), .data(1, "y")],
            closedStream, heardOnError: ["1 head", "1 body 1", "1 ended"]),
        .init(
            "5.1", "half-closed (remote): trailers", [.request(1, end: true), trailers], closedStream,
            heardOnError: ["1 head", "1 ended"]),
        .init("5.1", "half-closed (remote) by trailers: DATA", [.request(1), trailers, .data(1, "x")], closedStream),
        .init(
            "5.1", "half-closed (remote): a request", [.request(1, end: true), .request(1, end: true)], closedStream),
        .init("5.1", "half-closed (remote): WINDOW_UPDATE", [.request(1, end: true), .windowUpdate(1, 1)], [.goesOn]),
        .init(
            "5.1", "half-closed (remote): PRIORITY", [.request(1, end: true), .priority(1, dependsOn: 0)], [.goesOn]),
        .init("5.1", "half-closed (remote): RST_STREAM", [.request(1, end: true), .resetFrame(1)], [.goesOn]),
        .back(
            "5.1", "half-closed (remote): DATA", [.post], [ok, .data(1, "x")], closedStream,
            heardOnError: ["1 head", "1 ended"]),
        .back("5.1", "half-closed (remote): trailers", [.post], [ok, trailers], closedStream),
        .back("5.1", "half-closed (remote): WINDOW_UPDATE", [.post], [ok, .windowUpdate(1, 1)], [.goesOn]),
        .back(
            "5.1", "half-closed (local): any frame", [.get],
            [
                .windowUpdate(1, 5), .priority(1, dependsOn: 0), .headers(1, [(":status", "200")]), .data(1, "x"),
                trailers,
            ],
            [.goesOn], heard: ["1 head", "1 body 1", "1 trailers", "1 ended"]),
    ]

    /// "MAY treat receipt of any other type of frame on a closed stream as a connection error of type STREAM_CLOSED"; a
    /// stream error: §5.4.2, "MAY send additional RST_STREAM frames if it receives frames on a closed stream". §5.1.1
    /// calls an identifier that is used again "unexpected", a PROTOCOL_ERROR.
    private static let gone: [Reaction] = closedStream + [.goesOn]
    private static let whole: [Step] = [.request(1, end: true), .answer(1)]

    static let closed: [ConformanceCase] = [
        .init(
            "5.1", "closed: DATA", whole + [.data(1, "x")], gone, heard: ["1 head", "1 ended"],
            heardOnError: ["1 head", "1 ended"]),
        .init("5.1", "closed: trailers", whole + [trailers], gone, heard: ["1 head", "1 ended"]),
        .init("5.1.1", "closed: a request", whole + [.request(1)], gone + protocolError, heard: ["1 head", "1 ended"]),
        .init("5.1", "closed: CONTINUATION", whole + [.continuation(1, [])], protocolError),
        .init("5.1", "closed: PRIORITY", whole + [.priority(1, dependsOn: 0)], [.goesOn]),
        // "might receive a WINDOW_UPDATE or RST_STREAM frame from its peer in the time before the peer receives and
        // processes the frame that closes the stream".
        .init("5.1", "closed: WINDOW_UPDATE", whole + [.windowUpdate(1, 1)], [.goesOn]),
        .init("5.1", "closed: RST_STREAM", whole + [.resetFrame(1)], [.goesOn]),
        .init(
            "5.1", "reset by the peer: DATA", [.request(1), .resetFrame(1), .data(1, "x")], gone, heard: ["1 head"],
            heardOnError: ["1 head"]),
        .init("5.1", "reset by the peer: trailers", [.request(1), .resetFrame(1), trailers], gone, heard: ["1 head"]),
        .init(
            "5.1.1", "reset by the peer: a request", [.request(1), .resetFrame(1), .request(1)], gone + protocolError,
            heard: ["1 head"]),
        .init("5.1", "reset by the peer: RST_STREAM", [.request(1), .resetFrame(1), .resetFrame(1)], gone),
        .init("5.1", "reset by the peer: WINDOW_UPDATE", [.request(1), .resetFrame(1), .windowUpdate(1, 1)], gone),
        .init(
            "5.1", "reset by the peer: PRIORITY", [.request(1), .resetFrame(1), .priority(1, dependsOn: 0)], [.goesOn]),
        .back("5.1", "closed: DATA", [ok, .data(1, "x")], gone, heard: ["1 head", "1 ended"]),
        .back("5.1", "closed: a response", [ok, ok], gone + protocolError, heard: ["1 head", "1 ended"]),
        .back("5.1", "closed: WINDOW_UPDATE and RST_STREAM", [ok, .windowUpdate(1, 1), .resetFrame(1)], [.goesOn]),
    ]

    /// "An endpoint that sends a RST_STREAM frame on a stream that is in the "open" or "half-closed (local)" state could
    /// receive any type of frame … An endpoint MUST minimally process and then discard any frames it receives".
    static let afterReset: [ConformanceCase] = [
        .init(
            "5.1", "reset by us: DATA", [.request(1), .reset(1, .cancel), .data(1, "x")], [.goesOn], heard: ["1 head"]),
        .init(
            "5.1", "reset by us: trailers", [.request(1), .reset(1, .cancel), trailers], [.goesOn], heard: ["1 head"]),
        .init("5.1", "reset by us: WINDOW_UPDATE", [.request(1), .reset(1, .cancel), .windowUpdate(1, 1)], [.goesOn]),
        .init("5.1", "reset by us: RST_STREAM", [.request(1), .reset(1, .cancel), .resetFrame(1)], [.goesOn]),
        .init(
            "5.1", "reset by us: PRIORITY", [.request(1), .reset(1, .cancel), .priority(1, dependsOn: 0)], [.goesOn]),
        .back(
            "5.1", "reset by us: a response", [.post],
            [.reset(1, .cancel), .headers(1, [(":status", "200")]), .data(1, "x"), trailers], [.goesOn], heard: []),
        .back(
            "5.1", "reset by us: WINDOW_UPDATE and RST_STREAM", [.post],
            [.reset(1, .cancel), .windowUpdate(1, 1), .resetFrame(1)], [.goesOn], heard: []),
    ]

    static let identifiers: [ConformanceCase] = [
        // "An endpoint that receives an unexpected stream identifier MUST respond with a connection error of type
        // PROTOCOL_ERROR."
        .init("5.1.1", "an even one from a client", [.request(2)], protocolError, heardOnError: []),
        .init("5.1.1", "zero", [.request(0)], protocolError, heardOnError: []),
        // The first use of an identifier closes those below it, so §5.1's "closed" holds as well: who keeps no list of
        // streams that are gone cannot tell one that was skipped from one that was closed.
        .init(
            "5.1.1", "lower than one before", [.request(5), .request(3)],
            protocolError + [.connection(.streamClosed), .goesOn], heard: ["5 head"], heardOnError: ["5 head"]),
        .init(
            "5.1.1", "with gaps", [.request(1), .request(7), .request(51)], [.goesOn],
            heard: ["1 head", "7 head", "51 head"]),
        .init("5.1.1", "the highest", [.request(0x7FFF_FFFF)], [.goesOn], heard: ["2147483647 head"])
            .with { $0.allowsRequest = false },
        .back(
            "5.1.1", "a response on an even one", [.headers(2, [(":status", "200")])], protocolError, heardOnError: []),
        .back("5.1.1", "a response on zero", [.headers(0, [(":status", "200")])], protocolError, heardOnError: []),
    ]

    private static func three(_ first: [Step]) -> [Step] { first + [.request(3), .request(5)] }
    private static func limit(_ count: UInt32) -> (inout ConformanceCase) -> Void {
        { row in
            row.options.maxConcurrentStreams = count
            row.allowsRequest = false
        }
    }

    /// "An endpoint that receives a HEADERS frame that causes its advertised concurrent stream limit to be exceeded MUST
    /// treat this as a stream error of type PROTOCOL_ERROR or REFUSED_STREAM." As a connection error: §5.4.1.
    static let concurrency: [ConformanceCase] = [
        .init(
            "5.1.2", "one too many", three([.request(1)]),
            [.stream(5, .protocolError), .stream(5, .refusedStream)] + protocolError,
            heardOnError: ["1 head", "3 head"]
        )
        .with(limit(2)),
        .init(
            "5.1.2", "half-closed streams count", three([.request(1, end: true)]),
            [.stream(5, .protocolError), .stream(5, .refusedStream)] + protocolError,
            heardOnError: ["1 head", "1 ended", "3 head"]
        ).with(limit(2)),
        .init("5.1.2", "as many as allowed", three([.request(1)]), [.goesOn], heard: ["1 head", "3 head", "5 head"])
            .with(limit(3)),
        .init(
            "5.1.2", "a closed stream makes room", three(whole), [.goesOn],
            heard: ["1 head", "1 ended", "3 head", "5 head"]
        ).with(limit(2)),
        .init(
            "5.1.2", "a stream that the peer resets makes room", three([.request(1), .resetFrame(1)]), [.goesOn],
            heard: ["1 head", "3 head", "5 head"]
        ).with(limit(2)),
        .init(
            "5.1.2", "a stream that we reset makes room", three([.request(1), .reset(1, .cancel)]), [.goesOn],
            heard: ["1 head", "3 head", "5 head"]
        ).with(limit(2)),
    ]
}
