// rtbridge: what a route's framing makes of a WebSocket session.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgeWire
import NIOCore

/// The framing of one session. There is none where messages are bytes one after the other, which is the usual case.
final class TCPFramer {
    /// noVNC's old subprotocol: binary data in text messages.
    static let base64 = "base64"

    var framing: TCPFraming

    init?(_ route: Route, subprotocol: String?) {
        guard route.backend.protocol == .tcp else { return nil }
        let kind: TCPFraming.Kind
        switch route.tcp.framing {
        case .stream where subprotocol == Self.base64: kind = .base64
        case .stream: return nil
        case .line: kind = .line
        case .length32: kind = .length32
        case .text: kind = .text
        }
        framing = TCPFraming(kind, maxMessageBytes: route.websocket.maxMessageBytes)
    }

    static func failure(_ violation: TCPFraming.Violation) -> Failure {
        switch violation {
        case .clientBase64: Failure(.protocolViolation, .front, .body, "a message of the client is not base64")
        case .backText: Failure(.protocolViolation, .back, .body, "the back-end's bytes are not UTF-8 (tcp.framing)")
        case .backTooLong:
            Failure(
                .protocolViolation, .back, .body,
                "the back-end's message is longer than websocket.maxMessageBytes (tcp.framing)")
        case .backCut: Failure(.protocolViolation, .back, .body, "the back-end ended inside a message (tcp.framing)")
        }
    }
}

@available(*, unavailable)
extension TCPFramer: Sendable {}

extension WebSocketLeg {
    /// The client's message, as the back-end's stream has it.
    func forwardFramed(_ bytes: ByteBuffer, _ framer: TCPFramer, endsMessage: Bool, _ end: BodyFlags) {
        do throws(TCPFraming.Violation) {
            let framed = try framer.framing.fromClient(bytes, endsMessage: endsMessage)
            if framed != nil || !end.isEmpty { forward(framed ?? ByteBuffer(), end) }
        } catch {
            let failure = TCPFramer.failure(error)
            // RFC 6455 §7.4.1: 1007 is for "data within a message that was not consistent with the type of the message".
            violated(failure, .invalidPayload)
        }
    }

    /// The back-end's bytes, as messages.
    func deliverFramed(_ bytes: ByteBuffer, _ framer: TCPFramer) {
        do throws(TCPFraming.Violation) {
            let opcode: WebSocketOpcode = framer.framing.isText ? .text : .binary
            for message in try framer.framing.fromBack(bytes) { writeMessage(opcode, message) }
        } catch {
            exchange.fail(TCPFramer.failure(error))
        }
    }

    private func writeMessage(_ opcode: WebSocketOpcode, _ message: ByteBuffer) {
        guard let deflater else { return write(opcode, message) }
        let piece = deflater.deflate(message, begins: true, ends: true)
        write(opcode, piece.payload, isMarked: piece.isMarked)
    }

    /// - Returns: false if the end is no end, which the client was told.
    func finishFramed(_ framer: TCPFramer) -> Bool {
        guard phase == .open || phase == .leaving else { return true }
        do throws(TCPFraming.Violation) {
            if let last = try framer.framing.backEnded() { writeMessage(.text, last) }
            return true
        } catch {
            fail(TCPFramer.failure(error))
            return false
        }
    }
}
