// rtbridge: WINDOW_UPDATE, and windows that are kept to the byte (RFC 9113 §5.2, §6.9).
// SPDX-License-Identifier: Apache-2.0

import HTTP2Session
import Testing

struct WindowConformanceTests {
    private typealias ID = RawFrame.Setting

    @Test(arguments: frames + overruns, ConformanceCase.cuts)
    func table(_ row: ConformanceCase, _ cut: Cut) throws { try row.check(cut) }

    private static let protocolError: [Reaction] = [.connection(.protocolError)]
    private static let sizeError: [Reaction] = [.connection(.frameSizeError)]
    private static let flowError: [Reaction] = [.connection(.flowControlError)]
    private static let most: UInt32 = 0x7FFF_FFFF

    static let frames: [ConformanceCase] = [
        // "MUST treat the receipt of a WINDOW_UPDATE frame with a flow-control window increment of 0 as a stream error of
        // type PROTOCOL_ERROR; errors on the connection flow-control window MUST be treated as a connection error."
        .init(
            "6.9", "of 0 on a stream", [.request(1), .windowUpdate(1, 0)], [.stream(1, .protocolError)] + protocolError),
        .init("6.9", "of 0 on the connection", [.windowUpdate(0, 0)], protocolError),
        .init("6.9", "of 0 with the reserved bit", [.windowUpdate(0, 0x8000_0000)], protocolError),
        .init("6.9", "of 1 with the reserved bit", [.windowUpdate(0, 0x8000_0001)], [.goesOn]),
        .init("6.9", "of 3 bytes", [.frame(.windowUpdate, [0, 0, 1])], sizeError),
        .init("6.9", "of 5 bytes", [.frame(.windowUpdate, [0, 0, 0, 1, 0])], sizeError),
        .init("6.9", "of 3 bytes on a stream", [.request(1), .frame(.windowUpdate, stream: 1, [0, 0, 1])], sizeError),
        // "MUST terminate either the stream or the connection … with an error code of FLOW_CONTROL_ERROR".
        .init("6.9.1", "above 2^31-1 on the connection", [.windowUpdate(0, most)], flowError),
        .init(
            "6.9.1", "above 2^31-1 by small steps on the connection",
            [.windowUpdate(0, most - 65_535), .windowUpdate(0, 1)], flowError),
        .init("6.9.1", "2^31-1 on the connection", [.windowUpdate(0, most - 65_535)], [.goesOn]),
        .init(
            "6.9.1", "above 2^31-1 on a stream by small steps",
            [.request(1), .windowUpdate(1, most - 65_535), .windowUpdate(1, 1)], [.stream(1, .flowControlError)]),
        .init("6.9.1", "2^31-1 on a stream", [.request(1), .windowUpdate(1, most - 65_535)], [.goesOn]),
        // "a change to SETTINGS_INITIAL_WINDOW_SIZE that causes any flow-control window to exceed the maximum size as a
        // connection error of type FLOW_CONTROL_ERROR".
        .init(
            "6.9.2", "above 2^31-1 by SETTINGS",
            [.request(1), .windowUpdate(1, most - 65_535), .settings((ID.initialWindowSize, 65_536))],
            flowError),
        .back(
            "6.9.2", "above 2^31-1 by SETTINGS", [.post],
            [.windowUpdate(1, most - 65_535), .settings((ID.initialWindowSize, 65_536))],
            flowError),
        .back("6.9", "of 0 on the connection", [.windowUpdate(0, 0)], protocolError),
        .back("6.9.1", "above 2^31-1 on the connection", [.windowUpdate(0, most)], flowError),
    ]

    private static func narrow(_ row: inout ConformanceCase) {
        row.options.streamWindow = 1000
        row.consumes = false
    }

    static let overruns: [ConformanceCase] = [
        .init(
            "6.9.1", "a body as long as the stream's window", [.request(1), .data(1, count: 1000)], [.goesOn],
            heard: ["1 head", "1 body 1000"]
        ).with(narrow),
        .init(
            "6.9.1", "one byte too many", [.request(1), .data(1, count: 1001)],
            [.stream(1, .flowControlError)] + flowError
        ).with(narrow),
        // The window is opened again only when our answer is on its way.
        .init(
            "6.9.1", "one byte too many in a second frame",
            [.request(1), .data(1, count: 999), .data(1, count: 2)],
            [.goesOn, .stream(1, .flowControlError)] + flowError
        ).with(narrow),
        // "Padding … is included in flow control" (§6.1).
        .init(
            "6.1", "one byte too many by its padding",
            [.request(1), .data(1, String(repeating: "x", count: 990), padding: 10)],
            [.stream(1, .flowControlError)] + flowError
        ).with(narrow),
        .init(
            "6.1", "full to the byte with padding",
            [.request(1), .data(1, String(repeating: "x", count: 989), padding: 10)], [.goesOn]
        ).with(narrow),
    ]

    // MARK: Sending

    private func run(_ role: HTTP2Role, initial: UInt32, _ steps: [Step]) throws -> ConformanceRun {
        var row = ConformanceCase("6.9", "", [.settings((ID.initialWindowSize, initial))] + steps, [])
        row.role = role
        row.calls = [.post, .post]
        if role == .front { row = row.after([.request(1), .request(3)]) }
        return try ConformanceRun(row)
    }

    private func sent(_ run: ConformanceRun, _ stream: UInt32) -> Int {
        run.frames(.data).filter { $0.stream == stream }.reduce(0) { $0 + $1.payload.count }
    }

    /// "The sender MUST NOT send a flow-controlled frame with a length that exceeds the space available".
    @Test(arguments: [HTTP2Role.front, .back], [0, 1, 10, 16_384, 65_534, 65_535])
    func theStreamsWindowIsUsedToTheByte(_ role: HTTP2Role, _ window: Int) throws {
        let run = try run(role, initial: UInt32(window), [.write(1, 100_000)])
        #expect(sent(run, 1) == window)
        run.run(.windowUpdate(0, 1_000_000))
        run.run(.windowUpdate(1, 3))
        run.flush()
        #expect(sent(run, 1) == window + 3)
    }

    /// The connection's window is 65,535 at first, whatever SETTINGS say (§6.9.2).
    @Test(arguments: [HTTP2Role.front, .back])
    func theConnectionsWindowIsUsedToTheByteByAllStreamsTogether(_ role: HTTP2Role) throws {
        let run = try run(role, initial: 1_000_000, [.write(1, 50_000), .write(3, 50_000)])
        #expect(sent(run, 1) + sent(run, 3) == 65_535)
        run.run(.windowUpdate(1, 100_000))
        run.flush()
        #expect(sent(run, 1) + sent(run, 3) == 65_535, "a stream's window is not the connection's")
        run.run(.windowUpdate(0, 1))
        run.flush()
        #expect(sent(run, 1) + sent(run, 3) == 65_536)
        run.run(.windowUpdate(0, 1_000_000))
        run.flush()
        #expect(sent(run, 1) == 50_000 && sent(run, 3) == 50_000)
    }

    /// "a receiver MUST adjust the size of all stream flow-control windows that it maintains by the difference … can cause
    /// the available space in a flow-control window to become negative" (§6.9.2).
    @Test(arguments: [HTTP2Role.front, .back])
    func aChangedInitialWindowAppliesToOpenStreamsAlsoBelowZero(_ role: HTTP2Role) throws {
        let run = try run(role, initial: 10, [.write(1, 1000)])
        func expect(_ step: Step, _ count: Int, _ comment: Comment) {
            run.run(step)
            run.flush()
            #expect(sent(run, 1) == count, comment)
        }
        #expect(sent(run, 1) == 10)
        expect(.settings((ID.initialWindowSize, 25)), 25, "15 more")
        expect(.settings((ID.initialWindowSize, 5)), 25, "20 below zero")
        expect(.windowUpdate(1, 20), 25, "zero")
        expect(.windowUpdate(1, 1), 26, "one")
        expect(.settings((ID.initialWindowSize, 0)), 26, "5 below zero")
        expect(.settings((ID.initialWindowSize, 8)), 29, "3 above")
        expect(.settings((ID.initialWindowSize, 1), (ID.initialWindowSize, 9)), 30, "the last value of a frame holds")
        expect(.settings((ID.initialWindowSize, 2000)), 1000, "the rest")
    }

    /// HEADERS are not flow-controlled (§6.9): trailers after a body that fits pass. An empty DATA frame "MAY be sent if
    /// there is no available space" (§6.9.1), so the end may wait for the window.
    @Test(arguments: [false, true])
    func theEndOfABodyThatJustFitsIsSent(_ trailers: Bool) throws {
        let steps: [Step] = [.write(1, 99), .write(1, 1), .finish(1, trailers: trailers)]
        let run = try run(.back, initial: 100, steps)
        run.run(.windowUpdate(1, 1))
        run.flush()
        #expect(sent(run, 1) == 100)
        let last = try #require(run.frames.last { $0.stream == 1 })
        #expect(last.flags & RawFrame.endStream != 0)
        #expect(last.kind == (trailers ? RawFrame.Kind.headers : .data).rawValue)
    }

    /// A GOAWAY, an answer to PING and the heads of others pass a connection whose window is shut.
    @Test func aShutConnectionWindowStopsDataAlone() throws {
        let run = try run(.front, initial: 1_000_000, [.write(1, 70_000)])
        #expect(sent(run, 1) == 65_535)
        run.run(.answer(3))
        run.run(.ping([5, 5, 5, 5, 5, 5, 5, 5]))
        run.flush()
        #expect(run.frames(.headers).contains { $0.stream == 3 })
        #expect(run.frames(.ping).contains { $0.payload == [5, 5, 5, 5, 5, 5, 5, 5] })
    }

    // MARK: Receiving

    /// Padding is given back like what was taken: a peer that pads without end, and keeps to the windows that it is told
    /// of, is never stopped.
    @Test(arguments: [HTTP2Role.front, .back])
    func paddingIsGivenBackToBothWindows(_ role: HTTP2Role) throws {
        var row = ConformanceCase("6.1", "", []).after(
            role == .front ? [.request(1)] : [.headers(1, [(":status", "200")])])
        row.role = role
        row.calls = [.post]
        row.options.streamWindow = 4096
        row.options.connectionWindow = 65_535
        row.allowsRequest = false
        let run = try ConformanceRun(row)
        func window(_ stream: UInt32, _ first: Int) -> Int {
            run.frames(.windowUpdate).filter { $0.stream == stream }
                .reduce(first) { $0 + $1.payload.reduce(0) { $0 << 8 | Int($1) } }
        }
        var used = 0
        for round in 0..<2000 {
            try #require(window(1, 4096) - used >= 257 && window(0, 65_535) - used >= 257, "round \(round)")
            run.run(.data(1, "x", padding: 255))
            run.flush()
            used += 257
        }
        #expect(run.transcript.lines.last?.text == "1 body 2000")
    }
}

extension ConformanceCase {
    /// The same with other steps ahead.
    fileprivate func after(_ first: [Step]) -> Self {
        var row = Self(section, title, first + steps, allowed)
        row.role = role
        row.calls = calls
        return row
    }
}
