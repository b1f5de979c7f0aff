// rtbridge: SETTINGS, and that they are kept (RFC 9113 §6.5).
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import HTTP2Session
import NIOCore
import Testing

struct SettingsConformanceTests {
    private typealias ID = RawFrame.Setting

    @Test(arguments: form + values, ConformanceCase.cuts)
    func table(_ row: ConformanceCase, _ cut: Cut) throws { try row.check(cut) }

    private static let protocolError: [Reaction] = [.connection(.protocolError)]
    private static let sizeError: [Reaction] = [.connection(.frameSizeError)]

    static let form: [ConformanceCase] = [
        .init(
            "6.5", "an acknowledgement with a payload", [.frame(.settings, flags: 1, [0, 3, 0, 0, 0, 9])], sizeError),
        .init("6.5", "an acknowledgement with one byte", [.frame(.settings, flags: 1, [0])], sizeError),
        .init("6.5", "on a stream", [.request(1), .frame(.settings, stream: 1)], protocolError),
        .init("6.5", "on an idle stream", [.frame(.settings, stream: 1)], protocolError),
        .init("6.5", "an acknowledgement on a stream", [.frame(.settings, flags: 1, stream: 1)], protocolError),
        .init("6.5", "of 5 bytes", [.frame(.settings, [0, 3, 0, 0, 0])], sizeError),
        .init("6.5", "of 7 bytes", [.frame(.settings, [0, 3, 0, 0, 0, 9, 0])], sizeError),
        // The RFC is silent on an acknowledgement of nothing.
        .init("6.5.3", "an acknowledgement too many", [.frame(.settings, flags: 1)], [.goesOn] + protocolError),
        .back("6.5", "on a stream", [.frame(.settings, stream: 1)], protocolError),
        .back("6.5", "of 5 bytes", [.frame(.settings, [0, 3, 0, 0, 0])], sizeError),
    ]

    private static func value(_ id: UInt16, _ value: UInt32, _ allowed: [Reaction]) -> ConformanceCase {
        .init("6.5.2", "setting \(id) is \(value)", [.settings((id, value))], allowed)
    }

    private static func back(_ id: UInt16, _ value: UInt32, _ allowed: [Reaction]) -> ConformanceCase {
        .back("6.5.2", "setting \(id) is \(value)", [.settings((id, value))], allowed)
    }

    private static let ok: [Reaction] = [.goesOn]
    private static let flowError: [Reaction] = [.connection(.flowControlError)]

    static let values: [ConformanceCase] = [
        value(ID.headerTableSize, 0, ok), value(ID.headerTableSize, .max, ok),
        value(ID.enablePush, 0, ok), value(ID.enablePush, 1, ok),
        value(ID.enablePush, 2, protocolError), value(ID.enablePush, .max, protocolError),
        back(ID.enablePush, 0, ok),
        // "a client MUST treat receipt of a SETTINGS frame with SETTINGS_ENABLE_PUSH set to 1 as a connection error".
        back(ID.enablePush, 1, protocolError), back(ID.enablePush, 2, protocolError),
        value(ID.maxConcurrentStreams, 0, ok), value(ID.maxConcurrentStreams, .max, ok),
        value(ID.initialWindowSize, 0, ok), value(ID.initialWindowSize, 0x7FFF_FFFF, ok),
        value(ID.initialWindowSize, 0x8000_0000, flowError), value(ID.initialWindowSize, .max, flowError),
        back(ID.initialWindowSize, 0x8000_0000, flowError),
        value(ID.maxFrameSize, 16_384, ok), value(ID.maxFrameSize, 16_777_215, ok),
        value(ID.maxFrameSize, 16_383, protocolError), value(ID.maxFrameSize, 16_777_216, protocolError),
        value(ID.maxFrameSize, 0, protocolError), value(ID.maxFrameSize, .max, protocolError),
        back(ID.maxFrameSize, 16_383, protocolError),
        value(ID.maxHeaderListSize, 0, ok), value(ID.maxHeaderListSize, .max, ok),
        // RFC 8441 §3: "The value of the parameter MUST be 0 or 1"; what a receiver does is not said. "Receipt of this
        // parameter by a server does not have any impact."
        value(ID.enableConnectProtocol, 1, ok), back(ID.enableConnectProtocol, 1, ok),
        value(ID.enableConnectProtocol, 2, ok + protocolError), back(ID.enableConnectProtocol, 2, ok + protocolError),
        // RFC 9218 §2.1: values other than 0 and 1, and "a change" after the first SETTINGS, may be a PROTOCOL_ERROR.
        value(ID.noRFC7540Priorities, 1, ok + protocolError), value(ID.noRFC7540Priorities, 2, ok + protocolError),
        .back(
            "8441.3", "extended CONNECT on, then off",
            [.settings((ID.enableConnectProtocol, 1)), .settings((ID.enableConnectProtocol, 0))], ok + protocolError),
        // "the values in the SETTINGS frame MUST be processed in the order they appear" (§6.5.3).
        .init(
            "6.5.3", "a value and then an error", [.settings((ID.maxFrameSize, 20_000), (ID.enablePush, 7))],
            protocolError),
        .init(
            "6.5.3", "one setting twice, the second an error",
            [.settings((ID.maxFrameSize, 20_000), (ID.maxFrameSize, 1))], protocolError),
    ]

    // MARK: Acknowledgements

    /// "Upon receiving the SETTINGS … the recipient MUST immediately emit a SETTINGS frame with the ACK flag set."
    @Test(arguments: [HTTP2Role.front, .back], Cut.all)
    func eachSettingsFrameIsAcknowledgedOnce(_ role: HTTP2Role, _ cut: Cut) throws {
        let row = ConformanceCase("6.5.3", "", []).with { $0.role = role }
        let run = try ConformanceRun(row, cut)
        #expect(run.frames(.settings).map(\.flags) == [0, 1], "our own, and one acknowledgement")
        for _ in 0..<5 { run.run(.settings((ID.maxConcurrentStreams, 7))) }
        run.flush()
        let acknowledgements = run.frames(.settings).dropFirst(2)
        #expect(acknowledgements.count == 5)
        #expect(acknowledgements.allSatisfy { $0.flags == 1 && $0.payload.isEmpty && $0.stream == 0 })
        #expect(run.transcript.settings == 6)
    }

    // MARK: MAX_FRAME_SIZE

    @Test(arguments: [16_384, 20_000, 65_536, 16_777_215])
    func noFrameIsLargerThanThePeerLets(_ size: UInt32) throws {
        let wide: Step = .settings((ID.initialWindowSize, 0x7FFF_FFFF), (ID.maxFrameSize, size))
        let run = try ConformanceRun(
            ConformanceCase("6.5.2", "", [wide, .windowUpdate(0, 0x7000_0000), .request(1), .write(1, 200_000)], []))
        let sizes = run.frames(.data).map(\.payload.count)
        #expect(sizes.reduce(0, +) == 200_000)
        #expect(sizes.allSatisfy { $0 <= Int(size) })
    }

    /// Longer blocks go on in CONTINUATION frames of the same stream, with nothing between (§6.10).
    @Test(arguments: [false, true])
    func aLongFieldBlockIsSplit(_ endStream: Bool) throws {
        let run = try ConformanceRun(ConformanceCase("4.3", "", [.request(1, end: true)], []))
        var fields = FieldBlock.ok
        // No byte of these has a Huffman code below 8 bits.
        for index in 0..<8 { fields.append("x-\(index)", String(repeating: "~", count: 4_000 + index)) }
        run.transcript.streams[1]?.respond(fields, endStream: endStream)
        run.flush()
        let first = try #require(run.frames.firstIndex { $0.kind == RawFrame.Kind.headers.rawValue })
        let block = run.frames[first...].prefix { $0.stream == 1 }
        #expect(block.count > 1)
        #expect(block.map(\.kind) == [1] + Array(repeating: 9, count: block.count - 1))
        #expect(block.allSatisfy { $0.payload.count <= 16_384 })
        #expect(block.map { $0.flags & 0x4 } == Array(repeating: 0, count: block.count - 1) + [4])
        #expect(block.map { $0.flags & 0x1 } == [endStream ? 1 : 0] + Array(repeating: 0, count: block.count - 1))
        let inflater = OracleInflater()
        #expect(inflater.text(block.flatMap(\.payload)) == fields.pairs.map { "\($0.name): \($0.value)" })
    }

    // MARK: HEADER_TABLE_SIZE

    /// RFC 7541 §4.2: a smaller size is said before the next field, the smallest of several changes first.
    @Test(arguments: [[0], [1], [100], [4096], [65_536], [0, 4096], [100, 0, 4096], [65_536, 100], [4096, 0]])
    func fieldsAreCodedForThePeersTable(_ sizes: [UInt32]) throws {
        let run = try ConformanceRun(ConformanceCase("6.5.2", "", []).with { $0.allowsRequest = false })
        let inflater = OracleInflater()
        var next: UInt32 = 1
        var seen = 0
        func answer(_ count: Int) throws {
            for _ in 0..<count {
                run.run(.request(next, end: true))
                run.flush()
                let fields: FieldBlock = [
                    ":status": "200", "x-same": "always the same value", "x-number": "\(next)", "content-type": "a/b",
                ]
                run.transcript.streams[next]?.respond(fields, endStream: true)
                run.flush()
                let heads = run.frames(.headers)
                try #require(heads.count == seen + 1)
                seen = heads.count
                let decoded = inflater.text(heads[seen - 1].payload)
                #expect(decoded == fields.pairs.map { "\($0.name): \($0.value)" }, "stream \(next)")
                next += 2
            }
        }
        try answer(5)
        for size in sizes { run.run(.settings((ID.headerTableSize, size))) }
        run.flush()
        inflater.setTableLimits(sizes)
        try answer(20)
    }
}
