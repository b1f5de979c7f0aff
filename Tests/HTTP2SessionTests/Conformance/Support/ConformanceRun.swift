// rtbridge: a session that goes through the steps of a conformance case.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import HTTP2Session
import NIOCore

/// Runs steps against a session and notes all that comes of them.
final class ConformanceRun {
    /// The stream of the request that shows that the connection goes on.
    static let probe: UInt32 = 1001

    let peer: RawPeer
    let transcript = Transcript()
    private(set) var frames: [RawPeer.Frame] = []
    private(set) var hasThrown = false
    private var cutter: Cutter
    private var waiting: [UInt8] = []
    private var hasAnswered: Set<UInt32> = []
    private var asked: Set<UInt32> = []
    private var goesOn = false
    /// What was heard before the probe.
    private(set) var heard: [String] = []

    init(_ row: ConformanceCase, _ cut: Cut = .whole) throws {
        cutter = Cutter(cut)
        peer = try RawPeer(role: row.role, options: row.options, greets: false)
        peer.session.delegate = transcript
        transcript.consumes = row.consumes
        if row.role == .back { row.calls.forEach { call($0) } }
        greet(row)
        row.steps.forEach { run($0) }
        flush()
        heard = transcript.lines.filter { !$0.what.hasPrefix("closed") }.map(\.text)
        probe(row)
    }

    private func call(_ call: ConformanceCase.Call) {
        let (fields, endStream): (FieldBlock, Bool) =
            switch call {
            case .get: (.get, true)
            case .post: (.post, false)
            case .head: ([":method": "HEAD", ":scheme": "http", ":path": "/", ":authority": "test"], true)
            case .connect: ([":method": "CONNECT", ":authority": "test:80"], false)
            }
        _ = transcript.open(peer.session, fields, endStream: endStream)
    }

    private func greet(_ row: ConformanceCase) {
        produce()
        guard row.greeting != .nothing else { return }
        let preface = row.role == .front ? RawFrame.preface : []
        waiting += preface
        guard row.greeting == .settings else { return }
        waiting += RawFrame.settings() + RawFrame.make(.settings, flags: RawFrame.acknowledgement)
        flush()
    }

    /// Frames in a row arrive as one piece, as far as the cut lets them.
    func run(_ step: Step) {
        if case .send(let bytes) = step {
            waiting += bytes
            return
        }
        flush()
        switch step {
        case .send: break
        case .answer(let id): transcript.streams[id]?.respond(.ok, endStream: true)
        case .reset(let id, let code):
            asked.insert(id)
            transcript.streams[id]?.reset(code)
        case .write(let id, let count):
            let stream = transcript.streams[id]
            if peer.session.role == .front, hasAnswered.insert(id).inserted { stream?.respond(.ok, endStream: false) }
            stream?.write(.pattern(count))
        case .finish(let id, let trailers): transcript.streams[id]?.finish(trailers ? ["x-end": "1"] : nil)
        }
        produce()
    }

    func flush() {
        let pieces = cutter.pieces(ByteBuffer(bytes: waiting))
        waiting = []
        do { for piece in pieces { try peer.session.receive(piece) } } catch { hasThrown = true }
        produce()
    }

    private func produce() {
        do { frames += try peer.frames() } catch { hasThrown = true }
    }

    private func probe(_ row: ConformanceCase) {
        guard !hasThrown, goaway == nil else { return }
        let payload: [UInt8] = [9, 8, 7, 6, 5, 4, 3, 2]
        run(.ping(payload))
        let asks = row.role == .front && row.allowsRequest
        if asks { run(.request(Self.probe, end: true)) }
        flush()
        let isAnswered = frames(.ping).contains { $0.flags == RawFrame.acknowledgement && $0.payload == payload }
        let isHeard = transcript.lines.contains { $0.text == "\(Self.probe) head" }
        goesOn = !hasThrown && isAnswered && (isHeard || !asks)
    }

    // MARK: What came of it

    func frames(_ kind: RawFrame.Kind) -> [RawPeer.Frame] { frames.filter { $0.kind == kind.rawValue } }

    /// Of the first GOAWAY that is an error.
    private var goaway: HTTP2ErrorCode? {
        frames(.goaway).lazy.map { Self.code($0.payload.dropFirst(4)) }.first { $0 != .noError }
    }

    private static func code(_ bytes: some Sequence<UInt8>) -> HTTP2ErrorCode {
        HTTP2ErrorCode(rawValue: bytes.prefix(4).reduce(0) { $0 << 8 | UInt32($1) })
    }

    /// Resets of the session's own making, without those that are no error (RFC 9113 §8.1).
    private var resets: [(stream: UInt32, code: HTTP2ErrorCode)] {
        frames(.rstStream).map { ($0.stream, Self.code($0.payload)) }
            .filter { $0.1 != .noError && !asked.contains($0.0) }
    }

    var reaction: Reaction {
        if let goaway { return .connection(goaway) }
        if hasThrown { return .refused }
        guard goesOn else { return .confused("the connection goes on no more, and nobody was told") }
        guard let reset = resets.first else { return .goesOn }
        guard resets.count == 1 else { return .confused("RST_STREAM: \(resets)") }
        return .stream(reset.stream, reset.code)
    }

    /// Once for all that was heard of, at the latest when the connection is lost.
    var closesEveryStreamOnce: Bool {
        peer.session.connectionLost(.connectError)
        let closings = transcript.lines.filter { $0.what.hasPrefix("closed") }.map(\.stream)
        return closings.sorted() == transcript.streams.keys.sorted()
    }
}
