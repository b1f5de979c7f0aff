// rtbridge: where two answers to one frame are both right.
// SPDX-License-Identifier: Apache-2.0

import HTTP2Session

/// What a session may do that libnghttp2 does not. Each names the section that leaves it open.
struct Allowance: Sendable {
    struct Difference {
        let frame: FrameContext
        let oracle: Verdict
        let subject: Verdict
    }

    let name: String
    let covers: @Sendable (Difference) -> Bool

    static func find(_ difference: Difference) -> Allowance? { all.first { $0.covers(difference) } }

    static let all = [
        Allowance(name: "RFC 9113 §5.1: a frame on a closed stream is ignored, or STREAM_CLOSED either way") {
            guard $0.frame.isStreamGone, $0.subject.lines.isEmpty else { return false }
            switch $0.frame.kind {
            case .data, .headers, .continuation, .windowUpdate, .rstStream: break
            case .priority, .settings, .pushPromise, .ping, .goaway, nil: return false
            }
            var right: [Reaction] = [
                .goesOn, .connection(.streamClosed), .stream($0.frame.stream, .streamClosed),
            ]
            // §5.1.1: an identifier that is used again is "unexpected".
            if $0.frame.kind == .headers { right.append(.connection(.protocolError)) }
            return right.contains($0.subject.reaction) && right.contains($0.oracle.reaction)
        },
        Allowance(name: "RFC 9113 §5.4.1: what is a stream error may be made a connection error") {
            guard case .connection(let code) = $0.oracle.reaction, case .stream(let id, code) = $0.subject.reaction
            else { return false }
            guard id == $0.frame.stream else { return false }
            switch $0.frame.kind {
            case .data, .priority, .windowUpdate: return true
            // §4.2: not where a block of fields is too long, or cannot be decoded.
            case .headers, .continuation: return code != .frameSizeError && code != .compressionError
            case .rstStream, .settings, .pushPromise, .ping, .goaway, nil: return false
            }
        },
        Allowance(name: "RFC 9113 §4.2, §6.1: no room for Pad Length or priority is either of two errors") {
            $0.frame.isTooShort && Self.areBothOverOf([.protocolError, .frameSizeError], $0)
        },
        Allowance(name: "RFC 9113 §5.3.2: a dependency on itself is deprecated, and need not be looked at") {
            $0.frame.dependsOnItself && $0.subject.reaction == .goesOn
        },
        Allowance(name: "RFC 9113 §5.4: which of two errors of one frame is told") {
            $0.frame.hasWrongLength && $0.frame.hasWrongStream
                && Self.areBothOverOf([.protocolError, .frameSizeError, .streamClosed], $0)
        },
        Allowance(name: "RFC 9113 §5.4: which of two wrong settings of one frame is told") {
            $0.frame.settings.count > 1 && Self.areBothOverOf([.protocolError, .flowControlError], $0)
        },
        Allowance(name: "RFC 9113 §6.5.3: an acknowledgement of nothing") {
            $0.frame.kind == .settings && $0.frame.flags & 1 != 0 && $0.frame.payload.isEmpty && $0.frame.stream == 0
                && $0.oracle.reaction == .connection(.protocolError) && $0.subject.reaction == .goesOn
        },
        Allowance(name: "RFC 8441 §3, RFC 9218 §2.1: settings that need not be known") {
            !$0.frame.settings.isEmpty && $0.frame.settings.contains { $0 == 8 || $0 == 9 }
                && $0.oracle.reaction == .connection(.protocolError) && $0.subject.reaction == .goesOn
        },
        Allowance(name: "RFC 9113 §6.8: a last stream that is higher than before, or none of the receiver's") {
            $0.frame.kind == .goaway && $0.frame.stream == 0 && $0.oracle.reaction == .connection(.protocolError)
                && $0.subject.reaction == .goesOn
        },
        Allowance(name: "RFC 9113 §6.9.2: libnghttp2 resets the streams whose windows SETTINGS overflow") {
            $0.frame.kind == .settings && $0.subject.reaction == .connection(.flowControlError)
                && $0.oracle.resets.values.contains(.flowControlError)
        },
        Allowance(name: "RFC 9113 §4.1: a frame is looked at once it is whole") {
            !$0.frame.isWhole && $0.subject.reaction == .goesOn && $0.subject.lines.isEmpty
        },
        Allowance(name: "RFC 9113 §4.2: a frame that is too long is that, whatever else") {
            $0.frame.length > 16_384 && $0.subject.reaction == .connection(.frameSizeError)
                && Self.areBothOverOf([.protocolError, .frameSizeError, .streamClosed, .compressionError], $0)
        },
        Allowance(name: "RFC 9113 §4.3: a block of fields is looked at once it is whole") {
            $0.frame.beginsBlock && $0.subject.reaction == .goesOn && $0.subject.lines.isEmpty
        },
        Allowance(name: "RFC 9113 §5.1.2: a stream above the limit is refused, where libnghttp2 ends the connection") {
            $0.frame.isBlock && $0.subject.reaction == .stream($0.frame.stream, .refusedStream)
                && $0.oracle.reaction == .connection(.protocolError)
        },
        Allowance(name: "RFC 9113 §6.9.1: an empty DATA frame with END_STREAM needs no window") { difference in
            let more = difference.subject.sent.filter { !difference.oracle.sent.contains($0) }
            return !more.isEmpty && more.allSatisfy { $0.hasSuffix(" 0 1") }
                && difference.subject.reaction == difference.oracle.reaction
                && difference.oracle.sent.allSatisfy(difference.subject.sent.contains)
        },
        Allowance(name: "RFC 9113 §6.8: a connection that is nearly over still acknowledges") { difference in
            let more = difference.subject.sent.filter { !difference.oracle.sent.contains($0) }
            return !more.isEmpty && more.allSatisfy { $0.hasPrefix("ack") }
                && difference.subject.reaction == difference.oracle.reaction
                && difference.subject.lines == difference.oracle.lines
        },
        Allowance(name: "gRPC PROTOCOL-HTTP2.md, Custom-Metadata: white space around a value may be stripped") {
            $0.frame.hasValueInBlanks && ($0.subject.reaction == .goesOn || $0.subject.resets.isEmpty)
        },
        Allowance(name: "RFC 9113 §5.4.2: a stream that its peer has reset meanwhile is not reset in answer") {
            difference in
            guard difference.subject.reaction == .goesOn else { return false }
            let more = difference.oracle.sent.filter { !difference.subject.sent.contains($0) }
            let ids = Set(difference.oracle.resets.keys).union(more.compactMap { UInt32($0.prefix { $0 != " " }) })
            return !ids.isEmpty && more.allSatisfy { $0.contains(" reset ") }
                && ids.allSatisfy { difference.subject.lines[$0]?.last?.what.hasPrefix("closed") == true }
        },
        Allowance(name: "RFC 9110 §15: a status code below 100 is invalid") { difference in
            difference.frame.fields.contains { $0.name == Array(":status".utf8) && $0.value.first == UInt8(ascii: "0") }
                && difference.subject.reaction == .stream(difference.frame.stream, .protocolError)
        },
    ]

    private static func areBothOverOf(_ codes: [HTTP2ErrorCode], _ difference: Difference) -> Bool {
        guard case .connection(let first) = difference.oracle.reaction,
            case .connection(let second) = difference.subject.reaction
        else { return false }
        return codes.contains(first) && codes.contains(second)
    }
}
