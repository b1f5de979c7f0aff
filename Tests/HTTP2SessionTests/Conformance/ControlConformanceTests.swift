// rtbridge: PRIORITY, RST_STREAM, PING, GOAWAY and PUSH_PROMISE (RFC 9113 §6.3, §6.4, §6.6 to §6.8, §8.4).
// SPDX-License-Identifier: Apache-2.0

import HTTP2Session
import Testing

struct ControlConformanceTests {
    @Test(arguments: priority + reset + ping + goaway + push, ConformanceCase.cuts)
    func table(_ row: ConformanceCase, _ cut: Cut) throws { try row.check(cut) }

    private static let protocolError: [Reaction] = [.connection(.protocolError)]
    private static let sizeError: [Reaction] = [.connection(.frameSizeError)]

    static let priority: [ConformanceCase] = [
        .init("6.3", "on stream 0", [.priority(0, dependsOn: 1)], protocolError),
        // "A PRIORITY frame with a length other than 5 octets MUST be treated as a stream error of type FRAME_SIZE_ERROR."
        .init(
            "6.3", "of 4 bytes", [.request(1), .frame(.priority, stream: 1, [0, 0, 0, 0])],
            [.stream(1, .frameSizeError)] + sizeError),
        .init(
            "6.3", "of 6 bytes", [.request(1), .frame(.priority, stream: 1, [0, 0, 0, 0, 1, 1])],
            [.stream(1, .frameSizeError)] + sizeError),
        .init(
            "6.3", "on an open stream", [.request(1), .priority(1, dependsOn: 0), .data(1, "x")], [.goesOn],
            heard: ["1 head", "1 body 1"]),
        .init("6.3", "on many idle streams", (1...200).map { .priority($0 * 2 + 1, dependsOn: $0 * 2 - 1) }, [.goesOn]),
        .init(
            "5.3.2", "on itself", [.request(1), .priority(1, dependsOn: 1)],
            [.goesOn, .stream(1, .protocolError)] + protocolError),
        .back("6.3", "on stream 0", [.priority(0, dependsOn: 1)], protocolError),
    ]

    static let reset: [ConformanceCase] = [
        .init("6.4", "on stream 0", [.resetFrame(0)], protocolError),
        .init("6.4", "of 3 bytes", [.request(1), .frame(.rstStream, stream: 1, [0, 0, 0])], sizeError),
        .init("6.4", "of 5 bytes", [.request(1), .frame(.rstStream, stream: 1, [0, 0, 0, 8, 0])], sizeError),
        .init("6.4", "empty", [.request(1), .frame(.rstStream, stream: 1)], sizeError),
        .init(
            "6.4", "of an open stream", [.request(1), .data(1, "x"), .resetFrame(1)], [.goesOn],
            heard: ["1 head", "1 body 1"]),
        .back("6.4", "of 3 bytes", [.frame(.rstStream, stream: 1, [0, 0, 0])], sizeError),
        .back(
            "6.4", "of a request", [.get, .get], [.resetFrame(1), .headers(3, [(":status", "200")], end: true)],
            [.goesOn], heard: ["3 head", "3 ended"]),
        .back(
            "8.1", "NO_ERROR after a whole response", [.post],
            [.headers(1, [(":status", "200")], end: true), .resetFrame(1, .noError)], [.goesOn],
            heard: ["1 head", "1 ended"]),
    ]

    static let ping: [ConformanceCase] = [
        .init("6.7", "on a stream", [.request(1), .ping(stream: 1)], protocolError),
        .init("6.7", "of 7 bytes", [.ping([1, 2, 3, 4, 5, 6, 7])], sizeError),
        .init("6.7", "of 9 bytes", [.ping([1, 2, 3, 4, 5, 6, 7, 8, 9])], sizeError),
        .init("6.7", "empty", [.ping([])], sizeError),
        .init("6.7", "an answer of 7 bytes", [.ping([1, 2, 3, 4, 5, 6, 7], flags: 1)], sizeError),
        .init("6.7", "an answer that nobody asked for", [.ping(flags: 1)], [.goesOn]),
        .back("6.7", "on a stream", [.ping(stream: 1)], protocolError),
    ]

    static let goaway: [ConformanceCase] = [
        .init("6.8", "on a stream", [.request(1), .goaway(0, stream: 1)], protocolError),
        .init("6.8", "of 7 bytes (§4.2)", [.frame(.goaway, [0, 0, 0, 0, 0, 0, 0])], sizeError),
        .init("6.8", "empty (§4.2)", [.frame(.goaway)], sizeError),
        .init(
            "6.8", "with debug data", [.request(1), .goaway(0, debug: "bye"), .data(1, "x", end: true)], [.goesOn],
            heard: ["1 head", "1 body 1", "1 ended"]
        ).with { $0.allowsRequest = false },
        .init(
            "6.8", "with the reserved bit", [.request(1), .goaway(0x8000_0000), .data(1, "x")], [.goesOn],
            heard: ["1 head", "1 body 1"]
        ).with { $0.allowsRequest = false },
        // "a GOAWAY frame with the last stream identifier set to 2^31-1" is how a server begins its end; a client has no
        // streams of the server's to name.
        .init(
            "6.8", "2^31-1 from a client", [.request(1), .goaway(0x7FFF_FFFF), .data(1, "x")],
            [.goesOn] + protocolError, heard: ["1 head", "1 body 1"]
        ).with { $0.allowsRequest = false },
        // "Endpoints MUST NOT increase the value they send": what a receiver does is not said.
        .back(
            "6.8", "a higher last stream than before", [.get, .get], [.goaway(1), .goaway(3)],
            [.goesOn] + protocolError),
        .back(
            "6.8", "two, the second lower", [.get, .get], [.goaway(3), .goaway(1), .headers(1, [(":status", "200")])],
            [.goesOn], heard: ["1 head"]),
        .back("6.8", "first 2^31-1, then less", [.get], [.goaway(0x7FFF_FFFF), .goaway(1)], [.goesOn]),
        // Stream 2 is none that the client opened; nothing forbids to name it.
        .back("6.8", "the last stream is an even one", [.get], [.goaway(2)], [.goesOn] + protocolError),
    ]

    private static let promise = RawFrame.block([
        (":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "test"),
    ])

    private static func promised(_ stream: UInt32, on parent: UInt32) -> Step {
        .frame(.pushPromise, flags: RawFrame.endHeaders, stream: parent, RawFrame.bigEndian(stream) + promise)
    }

    static let push: [ConformanceCase] = [
        // "A client cannot push. Thus, servers MUST treat the receipt of a PUSH_PROMISE frame as a connection error of
        // type PROTOCOL_ERROR."
        .init("8.4", "from a client", [.request(1), promised(2, on: 1)], protocolError, heardOnError: ["1 head"]),
        .init("8.4", "from a client, of an odd stream", [.request(1), promised(3, on: 1)], protocolError),
        .init("6.6", "from a client, on stream 0", [promised(2, on: 0)], protocolError),
        // "A client that has set the SETTINGS_ENABLE_PUSH setting to 0 and has received acknowledgement MUST treat the
        // receipt of a PUSH_PROMISE frame as a connection error of type PROTOCOL_ERROR" (§6.5.2, §8.4).
        .back("8.4", "pushing is off", [promised(2, on: 1)], protocolError, heardOnError: []),
        .back("6.6", "on stream 0", [promised(2, on: 0)], protocolError),
        .back("6.6", "of a stream of the client's", [promised(5, on: 1)], protocolError),
        .back(
            "6.6", "of 3 bytes (or §4.2)",
            [.frame(.pushPromise, flags: RawFrame.endHeaders, stream: 1, [0, 0, 0])], protocolError + sizeError),
        .back(
            "8.4", "before our SETTINGS are acknowledged", [.settings(), promised(2, on: 1)],
            protocolError + [.stream(2, .refusedStream), .stream(2, .cancel)], heardOnError: []
        ).with { $0.greeting = .preface },
    ]

    // MARK: What is answered

    /// "MUST send a PING frame with the ACK flag set in response, with an identical frame payload" (§6.7).
    @Test(arguments: [HTTP2Role.front, .back])
    func everyPingIsAnsweredWithItsBytesInOrder(_ role: HTTP2Role) throws {
        let row = ConformanceCase("6.7", "", []).with { $0.role = role }
        let run = try ConformanceRun(row)
        let payloads = (0..<10).map { Array(repeating: UInt8($0), count: 8) }
        for payload in payloads { run.run(.ping(payload)) }
        run.run(.ping(flags: 1))
        let before = run.frames(.ping).count
        run.flush()
        let answers = run.frames(.ping).dropFirst(before)
        #expect(answers.map(\.payload) == payloads, "an answer is not answered")
        #expect(answers.allSatisfy { $0.flags == 1 && $0.stream == 0 })
    }

    @Test(arguments: [HTTP2ErrorCode.noError, .cancel, .refusedStream, .init(rawValue: 0xFFFF_FFFF)])
    func aResetAndAGoawayAreToldWithTheirCodes(_ code: HTTP2ErrorCode) throws {
        let row = ConformanceCase.back("6.4", "", [.post, .post], [.resetFrame(1, code), .goaway(3, code)], [])
        let run = try ConformanceRun(row)
        #expect(run.transcript.lines.map(\.text) == ["1 closed \(code)"])
        #expect(run.transcript.goaways.map(\.code) == [code])
        #expect(run.transcript.goaways.map(\.last) == [3])
    }
}
