// rtbridge: what a WebSocket peer did wrong.
// SPDX-License-Identifier: Apache-2.0

/// A peer's breach of RFC 6455: the connection is to be failed with this code and reason (§7.1.7).
public struct WebSocketViolation: Error, Equatable, Sendable {
    public var closeCode: WebSocketCloseCode
    /// One line for the close frame and the log. It holds nothing of the payload.
    public var reason: String

    public init(closeCode: WebSocketCloseCode, reason: String) {
        self.closeCode = closeCode
        self.reason = reason
    }
}

extension WebSocketViolation: CustomStringConvertible {
    public var description: String { "\(closeCode) \(reason)" }
}

extension WebSocketViolation {
    /// RFC 6455 §5.2: RSV1–3 "MUST be 0 unless an extension is negotiated that defines meanings for non-zero values".
    static let reservedBits = protocolError("reserved bits are set and no extension was negotiated")
    /// RFC 6455 §5.2: "If an unknown opcode is received, the receiving endpoint MUST _Fail the WebSocket Connection_."
    static func unknownOpcode(_ value: UInt8) -> WebSocketViolation { protocolError("opcode \(value) is reserved") }
    /// RFC 6455 §5.1: "The server MUST close the connection upon receiving a frame that is not masked."
    static let unmaskedFrame = protocolError("a client's frame is not masked")
    /// RFC 6455 §5.1: "A client MUST close a connection if it detects a masked frame."
    static let maskedFrame = protocolError("a server's frame is masked")
    /// RFC 6455 §5.5: control frames "MUST NOT be fragmented".
    static let fragmentedControl = protocolError("a control frame is fragmented")
    /// RFC 6455 §5.5: "All control frames MUST have a payload length of 125 bytes or less".
    static let longControl = protocolError("a control frame carries more than 125 bytes")
    /// RFC 6455 §5.4: a fragmented message is "a single frame with the FIN bit clear and an opcode other than 0, followed
    /// by zero or more frames with the FIN bit clear and the opcode set to 0".
    static let continuationWithoutStart = protocolError("a continuation frame follows no unfinished message")
    static let messageInsideMessage = protocolError("a new message begins before the last one ended")
    /// RFC 6455 §5.2: "the most significant bit MUST be 0".
    static let negativeLength = protocolError("the top bit of a 64-bit length is set")
    /// RFC 6455 §5.2: "the minimal number of bytes MUST be used to encode the length".
    static let longLength = protocolError("a length is not encoded in the fewest bytes")
    /// RFC 6455 §5.5.1: a close frame's body begins with "a 2-byte unsigned integer".
    static let shortClose = protocolError("a close frame carries one byte")
    static func badCloseCode(_ code: WebSocketCloseCode) -> WebSocketViolation {
        protocolError("close code \(code) is not for the wire")
    }
    /// RFC 6455 §8.1: "that endpoint MUST _Fail the WebSocket Connection_".
    static let textNotUTF8 = WebSocketViolation(closeCode: .invalidPayload, reason: "a text message is not UTF-8")
    static let closeReasonNotUTF8 = WebSocketViolation(
        closeCode: .invalidPayload, reason: "a close reason is not UTF-8")

    /// RFC 7692 §6: RSV1 is the first frame's of a message alone: "An endpoint MUST NOT set the "Per-Message Compressed" bit
    /// of control frames and non-first fragments of a data message."
    static let misplacedCompression = protocolError("RSV1 is set on a control frame or a continuation")
    /// RFC 7692 §7.2.2 leaves the code open; the data "is not consistent with the type of the message" (RFC 6455 §7.4.1).
    static let badDeflate = WebSocketViolation(closeCode: .invalidPayload, reason: "a message is not deflate data")
    static let noMemoryToInflate = WebSocketViolation(
        closeCode: .internalError, reason: "there is no memory to decompress a message")

    static func messageTooBig(limit: Int) -> WebSocketViolation {
        WebSocketViolation(closeCode: .messageTooBig, reason: "a message is larger than maxMessageBytes (\(limit))")
    }

    private static func protocolError(_ reason: String) -> WebSocketViolation {
        WebSocketViolation(closeCode: .protocolError, reason: reason)
    }
}
