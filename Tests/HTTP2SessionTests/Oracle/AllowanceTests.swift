// rtbridge: an allowance covers what its section says, and nothing beside it.
// SPDX-License-Identifier: Apache-2.0

import HTTP2Session
import Testing

struct AllowanceTests {
    struct Row: Sendable, CustomTestStringConvertible {
        let title: String
        let frame: [UInt8]
        let oracle: Reaction
        let subject: Reaction
        let isAllowed: Bool
        var testDescription: String { title }
    }

    /// Streams 5 and 7 are open; 7 is the highest.
    @Test(arguments: rows)
    func row(_ row: Row) {
        var frame = FrameContext(row.frame[...])
        (frame.open, frame.highest) = ([5, 7], 7)
        let difference = Allowance.Difference(
            frame: frame, oracle: verdict(row.oracle), subject: verdict(row.subject))
        #expect((Allowance.find(difference) != nil) == row.isAllowed)
    }

    private func verdict(_ reaction: Reaction) -> Verdict {
        let frames: [RawPeer.Frame] =
            switch reaction {
            case .connection(let code):
                [.init(kind: 7, flags: 0, stream: 0, payload: [0, 0, 0, 0] + RawFrame.bigEndian(code.rawValue))]
            case .stream(let id, let code):
                [.init(kind: 3, flags: 0, stream: id, payload: RawFrame.bigEndian(code.rawValue))]
            case .goesOn, .refused, .confused: []
            }
        return Verdict([], frames, asked: [], isFailed: reaction == .refused)
    }

    private static func row(
        _ title: String, _ frame: [UInt8], _ oracle: Reaction, _ subject: Reaction, _ isAllowed: Bool
    ) -> Row {
        Row(title: title, frame: frame, oracle: oracle, subject: subject, isAllowed: isAllowed)
    }

    private static let protocolError = Reaction.connection(.protocolError)
    private static let sizeError = Reaction.connection(.frameSizeError)
    private static let closed = Reaction.connection(.streamClosed)
    private static func data(_ stream: UInt32) -> [UInt8] { RawFrame.make(.data, stream: stream, [1]) }
    private static func update(_ stream: UInt32, _ increment: UInt32) -> [UInt8] {
        RawFrame.make(.windowUpdate, stream: stream, RawFrame.bigEndian(increment))
    }

    static let rows: [Row] = [
        row("DATA on a closed stream", data(3), .goesOn, closed, true),
        row("DATA on a closed stream, the stream alone", data(3), closed, .stream(3, .streamClosed), true),
        row("DATA on a closed stream, another code", data(3), .goesOn, protocolError, false),
        row("DATA on an open stream", data(5), .goesOn, closed, false),
        row("DATA on an idle stream", data(9), protocolError, .goesOn, false),
        row(
            "PRIORITY on a closed stream", RawFrame.make(.priority, stream: 3, [0, 0, 0, 0, 1]), .goesOn, closed, false),
        row("a closed stream asked for again", RawFrame.request(3), .goesOn, protocolError, true),
        row("a stream error instead", update(5, 0), protocolError, .stream(5, .protocolError), true),
        row("a stream error instead, another code", update(5, 0), protocolError, .stream(5, .streamClosed), false),
        row("a stream error instead, another stream", update(5, 0), protocolError, .stream(7, .protocolError), false),
        row("a connection error instead", update(5, 0), .stream(5, .protocolError), protocolError, false),
        row(
            "a block that cannot be decoded", RawFrame.request(9), .connection(.compressionError),
            .stream(9, .compressionError), false),
        row("no room for Pad Length", RawFrame.make(.data, flags: 8, stream: 5), protocolError, sizeError, true),
        row("room for Pad Length", RawFrame.make(.data, flags: 8, stream: 5, [9]), protocolError, sizeError, false),
        row(
            "a stream that depends on itself", RawFrame.make(.priority, stream: 5, [0, 0, 0, 5, 1]), protocolError,
            .goesOn,
            true),
        row(
            "a stream that depends on another", RawFrame.make(.priority, stream: 5, [0, 0, 0, 7, 1]), protocolError,
            .goesOn,
            false),
        row("two faults", RawFrame.make(.ping, stream: 5, [1]), protocolError, sizeError, true),
        row("one fault", RawFrame.make(.ping, [1]), sizeError, protocolError, false),
        row("an acknowledgement of nothing", RawFrame.make(.settings, flags: 1), protocolError, .goesOn, true),
        row("an acknowledgement with a payload", RawFrame.make(.settings, flags: 1, [1]), sizeError, .goesOn, false),
        row("a setting that need not be known", RawFrame.settings([(9, 2)]), protocolError, .goesOn, true),
        row("a setting that must be known", RawFrame.settings([(2, 2)]), protocolError, .goesOn, false),
        row(
            "two wrong settings", RawFrame.settings([(2, 2), (4, .max)]), protocolError, .connection(.flowControlError),
            true),
        row(
            "windows that SETTINGS overflow", RawFrame.settings([(4, 0x7FFF_FFFF)]), .stream(5, .flowControlError),
            .connection(.flowControlError), true),
        row(
            "windows that SETTINGS do not overflow", RawFrame.settings([(4, 5)]), .goesOn,
            .connection(.flowControlError),
            false),
        row("a part of a frame", Array(RawFrame.make(.ping, [1]).dropLast()), sizeError, .goesOn, true),
        row("a whole frame", RawFrame.make(.ping, [1]), sizeError, .goesOn, false),
        row(
            "a frame that is too long", RawFrame.make(.data, stream: 9, Array(repeating: 0, count: 16_385)),
            protocolError, sizeError, true),
        row(
            "a frame of the greatest length", RawFrame.make(.data, stream: 9, Array(repeating: 0, count: 16_384)),
            protocolError, sizeError, false),
        row(
            "a block that goes on", RawFrame.make(.headers, stream: 9, RawFrame.block([("A", "")])),
            .stream(9, .protocolError), .goesOn, true),
        row(
            "a whole block",
            RawFrame.make(.headers, flags: RawFrame.endHeaders, stream: 9, RawFrame.block([("A", "")])),
            .stream(9, .protocolError), .goesOn, false),
        row("a stream above the limit", RawFrame.request(9), protocolError, .stream(9, .refusedStream), true),
        row("another stream refused", RawFrame.request(9), protocolError, .stream(7, .refusedStream), false),
        row("a failure without a GOAWAY", data(5), protocolError, .refused, false),
    ]
}
