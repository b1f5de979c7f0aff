// rtbridge: a session and libnghttp2, given the same frames.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import HTTP2Session
import NIOCore

/// Feeds one peer's frames to both, and compares what each makes of every one.
final class Differential {
    enum Outcome: Equatable {
        case same
        /// Both have ended the connection, with the same error.
        case over
        case allowed(String)
        case differs(String)
    }

    /// What a stream's owner does once it has heard the head.
    private enum Manner { case waits, answers, answersAtTheEnd, resets }

    private let role: HTTP2Role
    private let subject: HTTP2Session
    private let transcript = Transcript()
    private let oracle: OracleSession
    private let seed: UInt64
    /// Reads blocks as the session does, for those who judge.
    private let inflater = OracleInflater()
    private var block: [UInt8] = []
    private var hasThrown = false
    private var asked: Set<UInt32> = []
    private var open: Set<UInt32> = []
    private var highest: UInt32 = 0
    private var cutter: Cutter
    /// Heads that were heard of.
    private(set) var heads = 0

    init(role: HTTP2Role, options: HTTP2Options, seed: UInt64, _ cut: Cut) throws {
        self.role = role
        self.seed = seed
        cutter = Cutter(cut)
        subject = HTTP2Session(role: role, options: options)
        oracle = OracleSession(role: role, options: options)
        subject.delegate = transcript
        transcript.consumes = false
        if role == .back { openCalls() }
        // An acknowledgement has to come after what it acknowledges.
        _ = subject.produceAll()
        _ = oracle.produceAll()
        let preface = role == .front ? RawFrame.preface : []
        let greeting = RawFrame.settings() + RawFrame.make(.settings, flags: RawFrame.acknowledgement)
        try subject.receive(ByteBuffer(bytes: preface + greeting))
        oracle.receive(preface + greeting)
        _ = subject.produceAll()
        _ = oracle.produceAll()
        _ = transcript.takeLines()
        oracle.lines = []
    }

    deinit { subject.connectionLost(.cancel) }

    static let calls: [UInt32] = [1, 3, 5, 7, 9, 11, 13, 15]

    private func openCalls() {
        for id in Self.calls {
            let isPost = id % 4 == 1
            let method = id == 7 ? "HEAD" : isPost ? "POST" : "GET"
            let fields = [(":method", method), (":scheme", "http"), (":path", "/"), (":authority", "test")]
            var head = FieldBlock()
            for (name, value) in fields { head.append(name, value) }
            _ = transcript.open(subject, head, endStream: !isPost)
            _ = oracle.open(fields, isPost ? .init() : nil)
            open.insert(id)
        }
        highest = 15
    }

    // MARK: One frame

    func step(_ bytes: ArraySlice<UInt8>) -> Outcome {
        var frame = FrameContext(bytes)
        frame.open = open
        frame.highest = highest
        frame.fields = fields(frame)
        for piece in cutter.pieces(ByteBuffer(bytes: bytes)) where !hasThrown {
            do { try subject.receive(piece) } catch { hasThrown = true }
        }
        oracle.receive(Array(bytes))
        act()
        return compare(frame)
    }

    /// Fields of the block that ends with this frame. The decoder is the peer's third: it must see all blocks.
    private func fields(_ frame: FrameContext) -> [(name: [UInt8], value: [UInt8])] {
        guard frame.isBlock else { return [] }
        var piece = frame.payload
        if frame.kind == .headers {
            block = []
            var padding = 0
            if frame.flags & RawFrame.padded != 0 { padding = Int(piece.popFirst() ?? 0) }
            if frame.flags & RawFrame.priority != 0 { piece = piece.dropFirst(5) }
            piece = piece.dropLast(padding)
        }
        block += piece
        return frame.flags & RawFrame.endHeaders == 0 ? [] : inflater.decode(block).fields.map { ($0.name, $0.value) }
    }

    /// Several frames, before anything is sent or opened again. They are cut without regard to where they begin.
    func step(together bytes: [UInt8], _ random: inout SplitMix) -> Outcome {
        var rest = ByteBuffer(bytes: bytes)
        while !hasThrown, rest.readableBytes > 0 {
            let count = min(rest.readableBytes, Int.random(in: 1...400, using: &random))
            guard let piece = rest.readSlice(length: count) else { break }
            do { try subject.receive(piece) } catch { hasThrown = true }
        }
        oracle.receive(bytes)
        act()
        return compare(FrameContext(bytes[...]))
    }

    private func act() {
        let (ours, theirs) = (transcript.lines, oracle.lines)
        for line in ours { act(on: line) { self.subjectDoes($1, UInt32($0)) } }
        for line in theirs { act(on: line) { self.oracleDoes($1, $0) } }
        consume(ours)
        oracle.consumeAll { self.isKept($0) }
    }

    private func compare(_ frame: FrameContext) -> Outcome {
        let produced = hasThrown ? nil : subject.produceAll()
        let frames = RawFrame.parse(produced ?? ByteBuffer())
        let (answer, failure) = (oracle.produceAll(), oracle.failure)
        let ours = Verdict(transcript.takeLines(), frames, asked: asked, isFailed: produced == nil)
        let theirs = Verdict(
            oracle.lines, RawFrame.parse(ByteBuffer(bytes: answer)), asked: asked, isFailed: failure != nil)
        oracle.lines = []
        oracle.bodies = [:]
        note(ours)
        if ours.comparable == theirs.comparable { return ours.isOver ? .over : .same }
        let difference = Allowance.Difference(frame: frame, oracle: theirs, subject: ours)
        if let allowance = Allowance.find(difference) { return .allowed(allowance.name) }
        return .differs("\(frame)\nlibnghttp2: \(theirs)\nsession:    \(ours)")
    }

    private func note(_ verdict: Verdict) {
        for line in verdict.lines.values.joined() {
            if line.what.hasPrefix("head") {
                heads += 1
                open.insert(line.stream)
                highest = max(highest, line.stream)
            } else if line.what.hasPrefix("closed") {
                open.remove(line.stream)
            }
        }
        highest = max(highest, verdict.resets.keys.max() ?? 0)
        for id in verdict.resets.keys { open.remove(id) }
    }

    // MARK: The owners of the two

    private func manner(_ stream: UInt32) -> Manner {
        var random = SplitMix(seed: seed &* 31 &+ UInt64(stream))
        return [.waits, .waits, .answers, .answersAtTheEnd, .answersAtTheEnd, .resets][Int(random.next() % 6)]
    }

    private func isKept(_ stream: UInt32) -> Bool { (UInt64(stream) &+ seed) % 5 == 0 }

    private func act(on line: Transcript.Line, _ perform: (Int32, Manner) -> Void) {
        let manner = manner(line.stream)
        switch manner {
        case .waits: return
        case .answers, .resets: guard line.what.hasPrefix("head") else { return }
        case .answersAtTheEnd: guard line.what == "ended" else { return }
        }
        if manner == .resets { asked.insert(line.stream) }
        perform(Int32(line.stream), manner)
    }

    private func subjectDoes(_ manner: Manner, _ id: UInt32) {
        let stream = transcript.streams[id]
        switch (manner, role) {
        case (.waits, _): break
        case (.resets, _): stream?.reset(.cancel)
        case (.answers, .front), (.answersAtTheEnd, .front): stream?.respond(.ok, endStream: true)
        case (.answers, .back), (.answersAtTheEnd, .back): stream?.finish(nil)
        }
    }

    private func oracleDoes(_ manner: Manner, _ id: Int32) {
        guard !oracle.gone.contains(id) else { return }
        switch (manner, role) {
        case (.waits, _): break
        case (.resets, _):
            // As the session: a stream that both have ended is not reset (RFC 9113 §5.1).
            if role == .front || oracle.outgoing[id] != nil || !oracle.peerEnded.contains(id) {
                oracle.reset(id, .cancel)
            }
        case (.answers, .front), (.answersAtTheEnd, .front): oracle.respond(id, [(":status", "200")], nil)
        case (.answers, .back), (.answersAtTheEnd, .back):
            oracle.outgoing[id]?.isEnded = true
            oracle.resume(id)
        }
    }

    private var unconsumed: [UInt32: Int] = [:]

    private func consume(_ lines: [Transcript.Line]) {
        for line in lines where line.what == "body" { unconsumed[line.stream, default: 0] += line.body.count }
        for (id, count) in unconsumed where !isKept(id) {
            transcript.streams[id]?.consume(count)
            unconsumed[id] = nil
        }
    }
}
