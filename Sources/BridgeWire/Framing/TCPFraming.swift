// rtbridge: a TCP byte stream as messages, and messages as a byte stream.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// How a WebSocket's messages stand in a TCP back-end's byte stream, both ways. Does no I/O, and holds no more than one
/// message of `maxMessageBytes` for each direction.
public struct TCPFraming: Sendable {
    public enum Kind: Sendable {
        /// A message is a line: its end (LF) is put behind it, and taken off with a CR before it. Lines are text.
        case line
        /// A message has its length before it, four bytes big-endian.
        case length32
        /// No frames: bytes as text, cut where a character ends.
        case text
        /// No frames: bytes as base64 in text messages (noVNC's subprotocol `base64`).
        case base64
    }

    /// Whose stream broke the rules, and how.
    public enum Violation: Error, Equatable, Sendable {
        /// The client's message is not base64 (RFC 4648 §4).
        case clientBase64
        /// The back-end's bytes are no UTF-8 (RFC 6455 §5.6 wants it of text messages).
        case backText
        /// The back-end's line or frame is longer than a message may be.
        case backTooLong
        /// The back-end ended inside a frame or a character.
        case backCut
    }

    private let kind: Kind
    private let maxMessageBytes: Int
    /// Of the client: a message whose length is not known yet.
    private var message = ByteBuffer()
    /// Of the client: the last byte of its message so far.
    private var last: UInt8 = 0
    private var decoder = Base64Decoder()
    /// Of the back-end: what is no message yet.
    private var pending = ByteBuffer()
    /// How much of ``pending`` has no line's end in it.
    private var searched = 0

    public init(_ kind: Kind, maxMessageBytes: Int) {
        self.kind = kind
        self.maxMessageBytes = maxMessageBytes
    }

    /// Whether what goes to the client is text.
    public var isText: Bool { kind != .length32 }

    // MARK: From the client

    /// - Parameter endsMessage: whether the client's message ends with these bytes.
    /// - Returns: what the back-end gets for it now; nil is nothing.
    public mutating func fromClient(_ bytes: ByteBuffer, endsMessage: Bool) throws(Violation) -> ByteBuffer? {
        switch kind {
        case .text: return bytes.readableBytes > 0 ? bytes : nil
        case .line: return line(bytes, endsMessage)
        case .length32: return frame(bytes, endsMessage)
        case .base64: return try decoded(bytes, endsMessage)
        }
    }

    private mutating func line(_ bytes: ByteBuffer, _ endsMessage: Bool) -> ByteBuffer? {
        if let byte = bytes.readableBytesView.last { last = byte }
        guard endsMessage else { return bytes.readableBytes > 0 ? bytes : nil }
        defer { last = 0 }
        // One that ends with its own line's end is not given another.
        guard last != UInt8(ascii: "\n") else { return bytes }
        var line = ByteBuffer()
        line.reserveCapacity(bytes.readableBytes + 1)
        line.writeImmutableBuffer(bytes)
        line.writeInteger(UInt8(ascii: "\n"))
        return line
    }

    private mutating func frame(_ bytes: ByteBuffer, _ endsMessage: Bool) -> ByteBuffer? {
        guard endsMessage else {
            message.writeImmutableBuffer(bytes)
            return nil
        }
        var frame = ByteBuffer()
        let length = message.readableBytes + bytes.readableBytes
        frame.reserveCapacity(4 + length)
        frame.writeInteger(UInt32(clamping: length))
        frame.writeImmutableBuffer(message)
        frame.writeImmutableBuffer(bytes)
        message = ByteBuffer()
        return frame
    }

    private mutating func decoded(_ bytes: ByteBuffer, _ endsMessage: Bool) throws(Violation) -> ByteBuffer? {
        var plain = ByteBuffer()
        do throws(Base64Decoder.Invalid) {
            try bytes.withUnsafeReadableBytes { source throws(Base64Decoder.Invalid) in
                try decoder.write(source, into: &plain)
            }
        } catch {
            throw .clientBase64
        }
        if endsMessage, !decoder.isAtBoundary { throw .clientBase64 }
        return plain.readableBytes > 0 ? plain : nil
    }

    // MARK: From the back-end

    /// - Returns: whole messages for the client, in order.
    public mutating func fromBack(_ bytes: ByteBuffer) throws(Violation) -> [ByteBuffer] {
        switch kind {
        case .base64: return bytes.readableBytes > 0 ? [Self.encoded(bytes)] : []
        case .text: return try text(bytes)
        case .line: return try lines(bytes)
        case .length32: return try frames(bytes)
        }
    }

    private static func encoded(_ bytes: ByteBuffer) -> ByteBuffer {
        var text = ByteBuffer()
        text.reserveCapacity(Base64Encoder.encodedLength(bytes.readableBytes))
        bytes.withUnsafeReadableBytes { Base64Encoder.write($0, into: &text) }
        return text
    }

    /// RFC 3629 §3: a character has four bytes at most, so no more than three wait for the next piece.
    private mutating func text(_ bytes: ByteBuffer) throws(Violation) -> [ByteBuffer] {
        pending.writeImmutableBuffer(bytes)
        let whole = pending.withUnsafeReadableBytes { Self.wholeCharacters($0) }
        guard let whole else { throw .backText }
        guard whole > 0, let text = pending.readSlice(length: whole) else { return [] }
        let rest = pending
        pending = ByteBuffer()
        pending.writeImmutableBuffer(rest)
        return [text]
    }

    /// - Returns: the bytes before a character that is not whole yet; nil for what is no UTF-8.
    private static func wholeCharacters(_ bytes: UnsafeRawBufferPointer) -> Int? {
        var checker = UTF8Checker()
        guard checker.check(bytes) else { return nil }
        guard !checker.isAtBoundary else { return bytes.count }
        var start = bytes.count - 1
        while start > 0, bytes[start] & 0xC0 == 0x80 { start -= 1 }
        return start
    }

    private mutating func lines(_ bytes: ByteBuffer) throws(Violation) -> [ByteBuffer] {
        pending.writeImmutableBuffer(bytes)
        var found: [ByteBuffer] = []
        while let length = lineLength() {
            guard var line = pending.readSlice(length: length) else { break }
            pending.moveReaderIndex(forwardBy: 1)
            if line.readableBytesView.last == UInt8(ascii: "\r") { line.moveWriterIndex(to: line.writerIndex - 1) }
            guard line.readableBytes <= maxMessageBytes else { throw .backTooLong }
            guard line.withUnsafeReadableBytes({ UTF8Checker.isValid($0) }) else { throw .backText }
            found.append(line)
        }
        pending.discardReadBytes()
        // A CR may stand behind the longest line.
        guard pending.readableBytes <= maxMessageBytes + 1 else { throw .backTooLong }
        return found
    }

    private mutating func lineLength() -> Int? {
        let view = pending.readableBytesView
        guard let end = view[(view.startIndex + searched)...].firstIndex(of: UInt8(ascii: "\n")) else {
            searched = view.count
            return nil
        }
        searched = 0
        return end - view.startIndex
    }

    private mutating func frames(_ bytes: ByteBuffer) throws(Violation) -> [ByteBuffer] {
        pending.writeImmutableBuffer(bytes)
        var found: [ByteBuffer] = []
        while let length = pending.getInteger(at: pending.readerIndex, as: UInt32.self) {
            guard Int(length) <= maxMessageBytes else { throw .backTooLong }
            guard pending.readableBytes >= 4 + Int(length) else { break }
            pending.moveReaderIndex(forwardBy: 4)
            if let frame = pending.readSlice(length: Int(length)) { found.append(frame) }
        }
        pending.discardReadBytes()
        return found
    }

    /// The back-end's stream is at its end.
    /// - Returns: a last message: a line without an end.
    public mutating func backEnded() throws(Violation) -> ByteBuffer? {
        guard pending.readableBytes > 0 else { return nil }
        guard kind == .line else { throw .backCut }
        let line = pending
        pending = ByteBuffer()
        guard line.withUnsafeReadableBytes({ UTF8Checker.isValid($0) }) else { throw .backText }
        return line
    }

    /// Another back-end's stream begins: what the last one left half said is nothing.
    public mutating func backBegins() {
        pending = ByteBuffer()
        searched = 0
    }
}
