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
public struct WebSocketDecoder {
    enum Phase {
        case header
        /// In the payload of a data frame.
        case data
        case control(WebSocketOpcode)
        /// RFC 6455 §5.5.1: after a close frame nothing more is looked at (§1.4: "discards any further data received").
        case closed
        case failed(WebSocketViolation)
    }

    /// How much is inflated at a time.
    static let inflatedStep = 32 * 1024

    private let role: WebSocketRole
    let maxMessageBytes: Int

    var phase = Phase.header
    var pending = ByteBuffer()
    private var unmasker = WebSocketUnmasker()
    private var reader = WebSocketHeaderReader()
    /// Bytes of the frame's payload that have not been delivered; for a control frame, that have not arrived.
    var remaining = 0
    var isFrameFinal = false
    var control = ByteBuffer()
    /// The kind of the message that is under way.
    var message: WebSocketMessageKind?
    var messageBytes = 0
    /// At a boundary between messages: one that ends elsewhere is refused.
    var text = UTF8Checker()
    /// The bits of a first byte that must be 0.
    private var reservedBits: UInt8 = 0x70
    private var inflater: WebSocketInflater?
    /// The message has RSV1 (RFC 7692 §6).
    public private(set) var isMessageCompressed = false
    /// Its tail is in the inflater.
    var hasTail = false

    /// - Parameters:
    ///   - role: what this side is: a server demands masked frames, a client unmasked ones (RFC 6455 §5.1).
    ///   - maxMessageBytes: a message that would be longer is refused with 1009 as soon as a header tells.
    public init(role: WebSocketRole, maxMessageBytes: Int) {
        self.role = role
        self.maxMessageBytes = max(0, maxMessageBytes)
    }

    /// Takes compressed messages from now on, as was agreed on in the handshake; before the first byte.
    public mutating func use(_ compression: WebSocketCompression) {
        inflater = compression.inflater(role)
        reservedBits = compression == .none ? 0x70 : 0x30
    }

    /// Whether what was delivered last was inflated: few bytes of the peer may make many more of it, so that a side which
    /// has not taken it should not ask for the next.
    public var isInflating: Bool { isMessageCompressed && inflater != nil }

    /// Whether a message has begun and not ended.
    public var isInsideMessage: Bool { message != nil }

    /// Whether the payload of a frame has not come as a whole.
    public var isInsideFrame: Bool { remaining > 0 }

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
            case .data:
                guard isMessageCompressed, let inflater else { return try readData() }
                if let event = try readCompressed(inflater) { return event }
                guard case .header = phase else { return nil }
            case .control(let opcode): return try readControl(opcode)
            case .closed: return nil
            case .failed(let violation): throw violation
            }
        }
    }

    /// The first `count` readable bytes. The last ones take the buffer with them, so that it has one owner again.
    mutating func take(_ count: Int) -> ByteBuffer {
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
            isMessageCompressed = header.first & 0x40 != 0
            fallthrough
        case .continuation:
            phase = .data
            // What is inflated is counted as it is made.
            guard !isMessageCompressed || inflater == nil else { return true }
            guard length <= maxMessageBytes - messageBytes else { throw .messageTooBig(limit: maxMessageBytes) }
            messageBytes += length
        }
        return true
    }

    /// Every rule that the first two bytes of a frame can break.
    private func checkedOpcode(_ first: UInt8, _ second: UInt8) throws(WebSocketViolation) -> WebSocketOpcode {
        guard first & reservedBits == 0 else { throw .reservedBits }
        guard let opcode = WebSocketOpcode(rawValue: first & 0x0F) else { throw .unknownOpcode(first & 0x0F) }
        switch role {
        case .server: guard second & 0x80 != 0 else { throw .unmaskedFrame }
        case .client: guard second & 0x80 == 0 else { throw .maskedFrame }
        }
        switch opcode {
        case .close, .ping, .pong:
            guard first & 0x40 == 0 else { throw .misplacedCompression }
            guard first & 0x80 != 0 else { throw .fragmentedControl }
            guard Int(second & 0x7F) <= WebSocketFrameHeader.maximumControlPayload else { throw .longControl }
        case .continuation:
            guard first & 0x40 == 0 else { throw .misplacedCompression }
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
