// rtbridge: the end of a connection that is under test.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import HTTP2Session
import NIOCore

/// The session under test.
final class SubjectEnd: TrafficEnd {
    let session: HTTP2Session
    let transcript = Transcript()
    private var unconsumed: [UInt32: Int] = [:]

    init(role: HTTP2Role, options: HTTP2Options) {
        session = HTTP2Session(role: role, options: options)
        session.delegate = transcript
        transcript.consumes = false
    }

    deinit { session.connectionLost(.cancel) }

    func open(_ body: ArraySlice<UInt8>) -> UInt32? {
        guard let stream = transcript.open(session, .post, endStream: false) else { return nil }
        stream.write(ByteBuffer(bytes: body))
        return UInt32(stream.id)
    }

    func respond(_ stream: UInt32, _ body: ArraySlice<UInt8>) {
        transcript.streams[stream]?.respond(.ok, endStream: false)
        transcript.streams[stream]?.write(ByteBuffer(bytes: body))
    }

    func finish(_ stream: UInt32, trailers: Bool) {
        var fields = FieldBlock()
        for (name, value) in TrafficFields.trailers { fields.append(name, value) }
        transcript.streams[stream]?.finish(trailers ? fields : nil)
    }

    func reset(_ stream: UInt32) { transcript.streams[stream]?.reset(.cancel) }
    func goaway() { session.goaway(.noError) }
    func receive(_ bytes: [UInt8]) throws { try session.receive(ByteBuffer(bytes: bytes)) }

    func produce(_ limit: Int) -> [UInt8] {
        var piece = ByteBuffer()
        _ = session.produce(into: &piece, limit: limit)
        return Array(piece.readableBytesView)
    }

    func takeLines() -> [Transcript.Line] {
        let lines = transcript.takeLines()
        for line in lines where line.what == "body" { unconsumed[line.stream, default: 0] += line.body.count }
        return lines
    }

    func consume(but kept: (UInt32) -> Bool) {
        for (id, count) in unconsumed where !kept(id) {
            transcript.streams[id]?.consume(count)
            unconsumed[id] = nil
        }
    }
}
