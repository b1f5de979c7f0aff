// rtbridge: all that a session tells, in order.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import HTTP2Session
import NIOCore

/// Notes what a session and its streams say, as lines such as `1 head`, `1 body 5`, `1 ended` and `1 closed CANCEL`.
final class Transcript: HTTP2SessionDelegate {
    struct Line: Equatable {
        var stream: UInt32
        var what: String
        var fields: [String] = []
        var body: [UInt8] = []

        var text: String { "\(stream) \(what)" + (body.isEmpty ? "" : " \(body.count)") }
    }

    private(set) var lines: [Line] = []
    private(set) var streams: [UInt32: HTTP2Stream] = [:]
    private(set) var settings = 0
    private(set) var pingAcknowledgements = 0
    private(set) var goaways: [(last: Int32, code: HTTP2ErrorCode)] = []
    /// Whether body bytes are given back as they come.
    var consumes = true
    /// Called after a line was noted.
    var onLine: (Line) -> Void = { _ in }

    func http2Request(_ stream: HTTP2Stream, _ fields: FieldBlock, isTooLarge: Bool, endStream: Bool) {
        listen(to: stream)
        noteFields(stream.id, "head", fields, isTooLarge)
        if endStream { note(Line(stream: UInt32(stream.id), what: "ended")) }
    }

    func http2Settings() { settings += 1 }
    func http2Goaway(lastStreamID: Int32, errorCode: HTTP2ErrorCode) { goaways.append((lastStreamID, errorCode)) }
    func http2PingAcknowledged() { pingAcknowledgements += 1 }
    func http2HasOutput() {}

    /// Opens a stream whose events are noted.
    func open(_ session: HTTP2Session, _ fields: FieldBlock, endStream: Bool) -> HTTP2Stream? {
        let owner = StreamTranscript(self)
        guard let stream = session.open(fields, endStream: endStream, delegate: owner) else { return nil }
        owner.stream = stream
        streams[UInt32(stream.id)] = stream
        return stream
    }

    /// What was noted since the last time.
    func takeLines() -> [Line] {
        defer { lines = [] }
        return lines
    }

    private func listen(to stream: HTTP2Stream) {
        let owner = StreamTranscript(self)
        owner.stream = stream
        stream.delegate = owner
        streams[UInt32(stream.id)] = stream
    }

    func noteFields(_ stream: Int32, _ what: String, _ fields: FieldBlock, _ isTooLarge: Bool) {
        let pairs = isTooLarge ? [] : fields.pairs.map { "\($0.name): \($0.value)" }
        note(Line(stream: UInt32(stream), what: isTooLarge ? what + " too large" : what, fields: pairs))
    }

    /// Pieces of a body are joined.
    func note(_ line: Line) {
        if line.what == "body", let last = lines.lastIndex(where: { $0.stream == line.stream }),
            lines[last].what == "body"
        {
            lines[last].body += line.body
        } else {
            lines.append(line)
        }
        onLine(line)
    }
}
