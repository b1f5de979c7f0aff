// rtbridge: what one stream tells, for a transcript.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import HTTP2Session
import NIOCore

/// One stream's part of a ``Transcript``.
final class StreamTranscript: HTTP2StreamDelegate {
    private unowned let transcript: Transcript
    weak var stream: HTTP2Stream?

    init(_ transcript: Transcript) { self.transcript = transcript }

    private var id: Int32 { stream?.id ?? 0 }

    func http2Fields(_ fields: FieldBlock, kind: HTTP2FieldsKind, isTooLarge: Bool) {
        let what =
            switch kind {
            case .head: "head"
            case .informational: "informational"
            case .trailers: "trailers"
            }
        transcript.noteFields(id, what, fields, isTooLarge)
    }

    func http2Body(_ bytes: ByteBuffer) {
        if transcript.consumes { stream?.consume(bytes.readableBytes) }
        transcript.note(.init(stream: UInt32(id), what: "body", body: Array(bytes.readableBytesView)))
    }

    func http2Ended() { transcript.note(.init(stream: UInt32(id), what: "ended")) }
    func http2Writable() {}

    func http2Closed(_ errorCode: HTTP2ErrorCode, wasNotSent: Bool) {
        transcript.note(.init(stream: UInt32(id), what: "closed \(errorCode)"))
    }
}
