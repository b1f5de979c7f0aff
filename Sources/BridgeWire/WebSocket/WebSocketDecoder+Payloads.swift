// rtbridge: what a WebSocket's frames carry.
// SPDX-License-Identifier: Apache-2.0
import NIOCore

extension WebSocketDecoder {
    mutating func readData() throws(WebSocketViolation) -> WebSocketEvent? {
        guard let kind = message else { preconditionFailure("a data frame without a message") }
        guard remaining == 0 || pending.readableBytes > 0 else { return nil }
        let piece = take(min(remaining, pending.readableBytes))
        remaining -= piece.readableBytes
        let endsMessage = isFrameFinal && remaining == 0
        if kind == .text, !isMessageCompressed {
            guard piece.withUnsafeReadableBytes({ text.check($0) }) else { throw .textNotUTF8 }
            guard !endsMessage || text.isAtBoundary else { throw .textNotUTF8 }
        }
        if remaining == 0 { phase = .header }
        if endsMessage { message = nil }
        return .data(piece, kind: kind, endsMessage: endsMessage)
    }

    /// A compressed message's next bytes, at most ``inflatedStep`` at a time: who takes them may stop taking.
    /// - Returns: `nil` at the end of a frame that had none, and if more bytes are needed.
    mutating func readCompressed(_ inflater: WebSocketInflater) throws(WebSocketViolation) -> WebSocketEvent? {
        guard let kind = message else { preconditionFailure("a data frame without a message") }
        var output = ByteBuffer()
        var endsMessage = false
        while true {
            // One byte above the limit shows that it is broken.
            let most = min(Self.inflatedStep - 1, maxMessageBytes - messageBytes) + 1 - output.readableBytes
            if try inflater.inflate(into: &output, most: most) { break }
            if remaining > 0 {
                guard pending.readableBytes > 0 else { break }
                let piece = take(min(remaining, pending.readableBytes))
                remaining -= piece.readableBytes
                inflater.feed(piece)
            } else if isFrameFinal, !hasTail {
                hasTail = true
                inflater.feed(WebSocketInflater.tail)
            } else {
                endsMessage = isFrameFinal
                phase = .header
                break
            }
        }
        messageBytes += output.readableBytes
        guard messageBytes <= maxMessageBytes else { throw .messageTooBig(limit: maxMessageBytes) }
        if kind == .text {
            guard output.withUnsafeReadableBytes({ text.check($0) }) else { throw .textNotUTF8 }
            guard !endsMessage || text.isAtBoundary else { throw .textNotUTF8 }
        }
        if endsMessage {
            inflater.endMessage()
            (message, hasTail) = (nil, false)
        }
        return endsMessage || output.readableBytes > 0 ? .data(output, kind: kind, endsMessage: endsMessage) : nil
    }

    mutating func readControl(_ opcode: WebSocketOpcode) throws(WebSocketViolation) -> WebSocketEvent? {
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
