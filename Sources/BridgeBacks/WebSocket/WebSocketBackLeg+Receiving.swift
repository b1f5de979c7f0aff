// rtbridge: what comes in on a WebSocket from a back-end.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire
import NIOCore

extension WebSocketBackLeg {
    func received(_ bytes: ByteBuffer) {
        worker.refreshClock()
        isInRead = true
        guard phase == .open || phase == .ending else { return }
        pinger?.heard()
        decoder.append(bytes)
        if !isPaused { decode() }
    }

    func decode() {
        do throws(WebSocketViolation) {
            while phase == .open || phase == .ending, let event = try decoder.next() {
                received(event)
                // A little on the wire may be much in memory: the next is made once there is somebody to take it.
                if decoder.isInflating, isWaitingForTake { return isPaused = true }
            }
            deliverHeld()
            decodedAll()
        } catch {
            violated(error)
        }
    }

    private func received(_ event: WebSocketEvent) {
        switch event {
        case .data(let bytes, let kind, let endsMessage):
            self.kind = kind
            if let piece = gatherer.add(bytes, endsMessage: endsMessage) { deliver(piece, endsMessage: endsMessage) }
        case .ping(let payload):
            // A back-end that does not read its pongs gets no more of them.
            if isWritable { send(.pong, payload, .ofBridge) }
        case .pong: exchange?.noteActivity()
        case .close(let code, let reason):
            deliverHeld()
            closed(WebSocketClose(code, reason))
        }
    }

    private func deliver(_ piece: ByteBuffer, endsMessage: Bool) {
        isInAnswer = !endsMessage
        isWaitingForTake = true
        var flags: BodyFlags = endsMessage ? .endsMessage : []
        if kind == .text { flags.insert(.text) }
        if decoder.isMessageCompressed, !decoder.isInflating { flags.insert(.compressed) }
        exchange?.backBody(piece, flags)
    }

    /// The beginning of a message of which no more has come goes on as well.
    private func deliverHeld() {
        guard gatherer.isHolding else { return }
        guard let piece = gatherer.takeHeld(isInsideFrame: decoder.isInsideFrame) else {
            exchange?.noteActivity()
            return
        }
        deliver(piece, endsMessage: false)
    }

    private func closed(_ close: WebSocketClose) {
        let isAnswer = phase == .ending
        let isFinal = isAnswer || !close.isGoingAway
        // RFC 6455 §5.5.1: "it typically echos the status code it received". What waits for a session that goes away is
        // for the next one, and a close frame behind it would be as late.
        if !isAnswer, isFinal || writer?.isEmpty ?? true { sendClose(WebSocketClose(close.code)) }
        linger(connector.lingerTime)
        end { isFinal ? $0.backEndedForGood(close.trailers) : $0.backEnded(close.trailers) }
    }

    private func violated(_ violation: WebSocketViolation) {
        sendClose(WebSocketClose(violation.closeCode, violation.reason))
        linger(connector.lingerTime)
        end { $0.backFailed(Failure(.protocolViolation, .back, .body, violation.reason, address: address)) }
    }
}
