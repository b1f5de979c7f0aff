// rtbridge: from a back-end's bytes to events.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgeWire
import NIOCore

/// Makes events of what a session's back-end says: of each piece of a byte stream, of each datagram, of each gRPC message.
struct SSEEventWriter {
    private let session: String
    private let isText: Bool
    private let isStream: Bool
    private let isGRPC: Bool
    private let maxMessageBytes: Int
    private var cutter = TextCutter()
    private var body: GRPCWebResponseBody?
    /// The beginning of a gRPC message.
    private var partial = ByteBuffer()

    init(session: String, _ route: Route) {
        self.session = session
        isText = route.sse.data == .text
        isGRPC = route.backend.protocol == .grpc
        isStream = route.backend.protocol == .tcp
        maxMessageBytes = route.maxMessageBytes
    }

    /// The back-end has answered.
    mutating func opened(_ head: FieldBlock?) {
        guard isGRPC else { return }
        body = GRPCWebResponseBody(
            text: false, encoding: head?.first("grpc-encoding"), clientAccepts: nil, maxMessageBytes: maxMessageBytes)
    }

    mutating func write(_ bytes: ByteBuffer, into ring: inout EventRing) throws(GRPCFrameError) {
        guard isGRPC else {
            if let event = makeEvent(bytes, ring.next) { ring.append(event) }
            return
        }
        partial.writeImmutableBuffer(try body?.transform(bytes) ?? bytes)
        while let message = nextMessage() {
            if let event = makeEvent(message, ring.next) { ring.append(event) }
        }
        partial.discardReadBytes()
    }

    /// gRPC PROTOCOL-HTTP2.md: `Length-Prefixed-Message → Compressed-Flag Message-Length Message`.
    private mutating func nextMessage() -> ByteBuffer? {
        guard let length = partial.getInteger(at: partial.readerIndex + 1, as: UInt32.self),
            partial.readableBytes >= 5 + Int(length)
        else { return nil }
        partial.moveReaderIndex(forwardBy: 5)
        return partial.readSlice(length: Int(length))
    }

    private mutating func makeEvent(_ bytes: ByteBuffer, _ number: Int) -> ByteBuffer? {
        let id = SSEName.id(session, number)
        var event = ByteBuffer()
        guard isText else {
            bytes.withUnsafeReadableBytes { EventStream.write(id: id, base64: $0, into: &event) }
            return event
        }
        // A datagram or a message is whole, whatever stands at its end.
        let text = isStream ? cutter.next(bytes) : String(decoding: bytes.readableBytesView, as: UTF8.self)
        guard !text.isEmpty || !isStream else { return nil }
        EventStream.write(id: id, text: text, into: &event)
        return event
    }

    /// What is left of a text that ended within a character.
    mutating func rest(_ number: Int) -> ByteBuffer? {
        let text = cutter.finish()
        guard !text.isEmpty else { return nil }
        var event = ByteBuffer()
        EventStream.write(id: SSEName.id(session, number), text: text, into: &event)
        return event
    }

    func event(_ type: StaticString, _ text: String, number: Int) -> ByteBuffer {
        var event = ByteBuffer()
        EventStream.write(type: type, id: SSEName.id(session, number), text: text, into: &event)
        return event
    }

    /// The first event: what the session is called, and so where it is written to.
    func writeSession(into buffer: inout ByteBuffer) {
        let text = #"{"session":"\#(session)"}"#
        EventStream.write(type: "rtbridge.session", id: SSEName.id(session, 0), text: text, into: &buffer)
    }

    func writeLost(_ count: Int, into buffer: inout ByteBuffer) {
        EventStream.write(type: "rtbridge.lost", id: nil, text: #"{"events":\#(count)}"#, into: &buffer)
    }
}
