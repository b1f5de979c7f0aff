// rtbridge: what a stream's owner was told.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import HTTP2Session
import NIOCore

/// Notes what a stream says. Body pieces are joined; they are given back at once unless `consumes` is false.
final class StreamRecorder: HTTP2StreamDelegate {
    enum Event: Equatable {
        case fields(HTTP2FieldsKind, FieldBlock, isTooLarge: Bool = false)
        case body(ByteBuffer)
        case ended
        case writable
        case closed(HTTP2ErrorCode, wasNotSent: Bool = false)
    }

    /// Kept so that the test can speak on it.
    weak var stream: HTTP2Stream?
    private(set) var events: [Event] = []
    private(set) var received = 0
    private(set) var unconsumed = 0
    var consumes = true
    /// Called after each event was noted.
    var onEvent: (Event) -> Void = { _ in }

    func http2Fields(_ fields: FieldBlock, kind: HTTP2FieldsKind, isTooLarge: Bool) {
        note(.fields(kind, fields, isTooLarge: isTooLarge))
    }

    func http2Body(_ bytes: ByteBuffer) {
        received += bytes.readableBytes
        unconsumed += bytes.readableBytes
        if consumes { consumeAll() }
        if case .body(var before) = events.last {
            before.writeImmutableBuffer(bytes)
            events.removeLast()
            note(.body(before))
        } else {
            note(.body(bytes))
        }
    }

    func http2Ended() { note(.ended) }
    func http2Writable() { note(.writable) }
    func http2Closed(_ errorCode: HTTP2ErrorCode, wasNotSent: Bool) { note(.closed(errorCode, wasNotSent: wasNotSent)) }

    func consumeAll() {
        stream?.consume(unconsumed)
        unconsumed = 0
    }

    /// How often the stream said that it is gone.
    var closings: Int { events.count { if case .closed = $0 { true } else { false } } }

    private func note(_ event: Event) {
        events.append(event)
        onEvent(event)
    }
}
