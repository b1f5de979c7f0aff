// rtbridge: two sessions that are connected in memory.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import HTTP2Session
import NIOCore

/// The front session is the one that requests come in on; the back session makes them.
final class Pair {
    let front: HTTP2Session
    let back: HTTP2Session
    let frontSide = SessionRecorder()
    let backSide = SessionRecorder()
    private var cutter: Cutter

    init(_ cut: Cut = .whole, front frontOptions: HTTP2Options = .init(), back backOptions: HTTP2Options = .init()) {
        front = HTTP2Session(role: .front, options: frontOptions)
        back = HTTP2Session(role: .back, options: backOptions)
        cutter = Cutter(cut)
        front.delegate = frontSide
        back.delegate = backSide
    }

    deinit {
        front.connectionLost(.cancel)
        back.connectionLost(.cancel)
    }

    /// Moves bytes both ways until nothing moves any more.
    func run() throws {
        var moved = true
        while moved {
            moved = try move(from: back, to: front)
            moved = try move(from: front, to: back) || moved
        }
    }

    /// Moves what one side has to say now.
    /// - Returns: whether there was something.
    @discardableResult
    func move(from: HTTP2Session, to: HTTP2Session) throws -> Bool {
        let bytes = from.produceAll()
        for piece in cutter.pieces(bytes) { try to.receive(piece) }
        return bytes.readableBytes > 0
    }

    /// Opens a stream from the back session.
    func open(
        _ fields: FieldBlock = .get, endStream: Bool = true, consumes: Bool = true
    ) -> (stream: HTTP2Stream, recorder: StreamRecorder)? {
        let recorder = StreamRecorder()
        recorder.consumes = consumes
        guard let stream = back.open(fields, endStream: endStream, delegate: recorder) else { return nil }
        recorder.stream = stream
        return (stream, recorder)
    }
}

extension HTTP2Session {
    /// All that is ready to be sent.
    func produceAll() -> ByteBuffer {
        var all = ByteBuffer()
        var piece = ByteBuffer()
        var hasMore = true
        while hasMore {
            piece.clear()
            hasMore = produce(into: &piece, limit: 64 * 1024)
            all.writeImmutableBuffer(piece)
        }
        return all
    }
}

extension ByteBuffer {
    /// `count` bytes that tell where they are.
    static func pattern(_ count: Int) -> ByteBuffer {
        ByteBuffer(bytes: (0..<count).map { UInt8(truncatingIfNeeded: $0 ^ ($0 >> 8)) })
    }
}
