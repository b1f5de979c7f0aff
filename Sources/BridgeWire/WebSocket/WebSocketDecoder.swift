// rtbridge: WebSocket frames in, events out.
// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// Decodes a peer's frames (RFC 6455 §5) without I/O: ``append(_:)`` what arrived, then take ``next()`` until it is `nil`.
///
/// Data is streamed: what has come of a frame is delivered at once, as slices of the buffer that came in. Between calls it
/// holds at most a header (14 bytes) and the payload of a control frame (125), besides what was not taken yet.
///
/// ```
///            header read                       payload complete
/// header ─────────────────▶ data / control ────────────────────▶ header
///    │ violation                 │ violation, close frame
///    └────▶ failed               └────▶ failed / closed
/// ```
public struct WebSocketDecoder: Sendable {
    private enum Phase: Sendable {
        case header
        /// In the payload of a data frame.
        case data
        case control(WebSocketOpcode)
        /// RFC 6455 §5.5.1: after a close frame nothing more is looked at (§1.4: "discards any further data received").
        case closed
        case failed(WebSocketViolation)
    }

    private let role: WebSocketRole
    private let maxMessageBytes: Int

    private var phase = Phase.header
    private var pending = ByteBuffer()
    private var unmasker = WebSocketUnmasker()
    private var reader = WebSocketHeaderReader()
    /// Bytes of the frame's payload that have not been delivered; for a control frame, that have not arrived.
    private var remaining = 0
    private var isFrameFinal = false
    private var control = ByteBuffer()
    /// The kind of the message that is under way.
    private var message: WebSocketMessageKind?
    private var messageBytes = 0
    /// At a boundary between messages: one that ends elsewhere is refused.
    private var text = UTF8Checker()

    /// - Parameters:
    ///   - role: what this side is: a server demands masked frames, a client unmasked ones (RFC 6455 §5.1).
    ///   - maxMessageBytes: a message that would be longer is refused with 1009 as soon as a header tells.
    public init(role: WebSocketRole, maxMessageBytes: Int) {
        self.role = role
        self.maxMessageBytes = max(0, maxMessageBytes)
    }

    /// Whether a message has begun and not ended.
    public var isInsideMessage: Bool { message != nil }

    /// Takes what arrived. A buffer that nobody else holds is unmasked where it lies; a shared one is copied in that pass.
    public mutating func append(_ buffer: consuming ByteBuffer) {
        switch phase {
        case .closed, .failed: return
        case .header, .data, .control: break
        }
        guard buffer.readableBytes > 0 else { return }
        if role == .server { unmasker.unmask(&buffer) }
        if pending.readableBytes == 0 {
            pending = buffer
        } else {
            pending.writeBuffer(&buffer)
        }
    }

    /// The next event, or `nil` if more bytes are needed or the peer has closed.
    /// - Throws: ``WebSocketViolation``, and the same again at every further call.
    public mutating func next() throws(WebSocketViolation) -> WebSocketEvent? {
        do throws(WebSocketViolation) {
            return try step()
        } catch {
            phase = .failed(error)
            pending = ByteBuffer()
            control = ByteBuffer()
            throw error
        }
    }

    private mutating func step() throws(WebSocketViolation) -> WebSocketEvent? {
        while true {
            switch phase {
            case .header: guard try readHeader() else { return nil }
            case .data: return try readData()
            case .control(let opcode): return try readControl(opcode)
            case .closed: return nil
            case .failed(let violation): throw violation
            }
        }
    }

    /// The first `count` readable bytes. The last ones take the buffer with them, so that it has one owner again.
    private mutating func take(_ count: Int) -> ByteBuffer {
        if count == pending.readableBytes {
            let all = pending
            pending = ByteBuffer()
            return all
        }
        return pending.readSlice(length: count) ?? ByteBuffer()
    }
}

// MARK: - Headers

extension WebSocketDecoder {
    /// - Returns: whether a header was whole.
    private mutating func readHeader() throws(WebSocketViolation) -> Bool {
        guard pending.readableBytes > 0 else { return false }
        let (found, consumed) = pending.withUnsafeReadableBytes { reader.read($0) }
        guard let header = found else {
            pending = ByteBuffer()
            if let beginning = reader.beginning { _ = try checkedOpcode(beginning.first, beginning.second) }
            return false
        }
        pending.moveReaderIndex(forwardBy: consumed)
        if pending.readableBytes == 0 { pending = ByteBuffer() }  // Keeps no storage for its own sake.
        let opcode = try checkedOpcode(header.first, header.second)
        let length = try checkedLength(header)
        remaining = length
        isFrameFinal = header.isFinal
        switch opcode {
        case .close, .ping, .pong:
            phase = .control(opcode)
        case .text, .binary:
            message = opcode == .text ? .text : .binary
            messageBytes = 0
            fallthrough
        case .continuation:
            guard length <= maxMessageBytes - messageBytes else { throw .messageTooBig(limit: maxMessageBytes) }
            messageBytes += length
            phase = .data
        }
        return true
    }

    /// Every rule that the first two bytes of a frame can break.
    private func checkedOpcode(_ first: UInt8, _ second: UInt8) throws(WebSocketViolation) -> WebSocketOpcode {
        guard first & 0x70 == 0 else { throw .reservedBits }
        guard let opcode = WebSocketOpcode(rawValue: first & 0x0F) else { throw .unknownOpcode(first & 0x0F) }
        switch role {
        case .server: guard second & 0x80 != 0 else { throw .unmaskedFrame }
        case .client: guard second & 0x80 == 0 else { throw .maskedFrame }
        }
        switch opcode {
        case .close, .ping, .pong:
            guard first & 0x80 != 0 else { throw .fragmentedControl }
            guard Int(second & 0x7F) <= WebSocketFrameHeader.maximumControlPayload else { throw .longControl }
        case .continuation:
            guard message != nil else { throw .continuationWithoutStart }
        case .text, .binary:
            guard message == nil else { throw .messageInsideMessage }
        }
        return opcode
    }

    private func checkedLength(_ header: WebSocketFrameHeader) throws(WebSocketViolation) -> Int {
        guard header.payloadLength <= UInt64(Int64.max) else { throw .negativeLength }
        guard header.isLengthMinimal else { throw .longLength }
        return Int(header.payloadLength)
    }
}

// MARK: - Payloads

extension WebSocketDecoder {
    private mutating func readData() throws(WebSocketViolation) -> WebSocketEvent? {
        guard let kind = message else { preconditionFailure("a data frame without a message") }
        guard remaining == 0 || pending.readableBytes > 0 else { return nil }
        let piece = take(min(remaining, pending.readableBytes))
        remaining -= piece.readableBytes
        let endsMessage = isFrameFinal && remaining == 0
        if kind == .text {
            guard piece.withUnsafeReadableBytes({ text.check($0) }) else { throw .textNotUTF8 }
            guard !endsMessage || text.isAtBoundary else { throw .textNotUTF8 }
        }
        if remaining == 0 { phase = .header }
        if endsMessage { message = nil }
        return .data(piece, kind: kind, endsMessage: endsMessage)
    }

    private mutating func readControl(_ opcode: WebSocketOpcode) throws(WebSocketViolation) -> WebSocketEvent? {
        var piece = take(min(remaining, pending.readableBytes))
        remaining -= piece.readableBytes
        guard remaining == 0 else {
            control.writeBuffer(&piece)
            return nil
        }
        if control.readableBytes > 0 {
            control.writeBuffer(&piece)
            piece = control
            control = ByteBuffer()
        }
        phase = .header
        switch opcode {
        case .ping: return .ping(piece)
        case .pong: return .pong(piece)
        case .close:
            let event = try closeEvent(&piece)
            phase = .closed
            pending = ByteBuffer()
            return event
        case .continuation, .text, .binary:
            preconditionFailure("opcode \(opcode) is not a control frame's")
        }
    }

    /// RFC 6455 §5.5.1: the code, then a reason in UTF-8; both may be missing.
    private func closeEvent(_ payload: inout ByteBuffer) throws(WebSocketViolation) -> WebSocketEvent {
        guard payload.readableBytes > 0 else { return .close(code: nil, reason: "") }
        guard let value = payload.readInteger(as: UInt16.self) else { throw .shortClose }
        let code = WebSocketCloseCode(rawValue: value)
        guard code.isAllowedOnTheWire else { throw .badCloseCode(code) }
        guard payload.withUnsafeReadableBytes({ UTF8Checker.isValid($0) }) else { throw .closeReasonNotUTF8 }
        return .close(code: code, reason: String(buffer: payload))
    }
}
