// rtbridge: what a session made of one frame.
// SPDX-License-Identifier: Apache-2.0

import HTTP2Session

/// All that can be seen of it from outside: events, and frames that are answers. Window updates are left out: when they
/// are sent is an endpoint's own affair (RFC 9113 §5.2).
struct Verdict: Equatable, CustomStringConvertible {
    var lines: [UInt32: [Transcript.Line]] = [:]
    /// HEADERS and DATA frames, acknowledgements, resets; sorted, for streams do not wait for each other.
    var sent: [String] = []
    /// Resets that the session's owner did not ask for.
    var resets: [UInt32: HTTP2ErrorCode] = [:]
    var goaway: HTTP2ErrorCode?
    /// The session refuses to go on.
    var isFailed = false

    init(_ lines: [Transcript.Line], _ frames: [RawPeer.Frame], asked: Set<UInt32>, isFailed: Bool) {
        self.lines = Dictionary(grouping: lines, by: \.stream)
        self.isFailed = isFailed
        for frame in frames { add(frame, asked) }
        sent.sort()
    }

    private mutating func add(_ frame: RawPeer.Frame, _ asked: Set<UInt32>) {
        let kind = RawFrame.Kind(rawValue: frame.kind)
        let code = { (bytes: ArraySlice<UInt8>) in HTTP2ErrorCode(rawValue: bytes.reduce(0) { $0 << 8 | UInt32($1) }) }
        switch kind {
        case .headers, .data: sent.append("\(frame.stream) \(frame.kind) \(frame.flags & 1)")
        case .settings, .ping:
            if frame.flags & 1 != 0 { sent.append("ack \(frame.kind) \(frame.payload)") }
        case .rstStream:
            let code = code(frame.payload[0..<4])
            if asked.contains(frame.stream) || code == .noError {
                sent.append("\(frame.stream) reset \(code)")
            } else {
                resets[frame.stream] = code
            }
        case .goaway:
            let code = code(frame.payload[4..<8])
            if code == .noError { sent.append("goaway") } else { goaway = code }
        case .windowUpdate, .continuation, .priority, .pushPromise, nil: break
        }
    }

    var isOver: Bool { isFailed || goaway != nil }

    /// Of the frame's stream, where there is one.
    var reaction: Reaction {
        if let goaway { return .connection(goaway) }
        if isFailed { return .refused }
        guard let reset = resets.first else { return .goesOn }
        return resets.count == 1 ? .stream(reset.key, reset.value) : .confused("\(resets)")
    }

    /// The same as far as it is told for certain: of a message that is an error, a part may have been handed on before.
    var comparable: Verdict {
        var verdict = self
        for id in lines.keys where isOver || resets[id] != nil {
            let kept = lines[id]?.filter { $0.what != "body" && !$0.what.hasPrefix("closed") } ?? []
            verdict.lines[id] = kept.isEmpty ? nil : kept
        }
        return verdict
    }

    var description: String {
        let events = lines.sorted { $0.key < $1.key }.flatMap(\.value).map { "\($0.text) \($0.fields)" }
        return "\(reaction) \(sent) \(events)"
    }
}
