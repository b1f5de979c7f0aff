// rtbridge: what an exchange has a client's WebSocket do.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire
import NIOCore

extension WebSocketLeg: FrontLeg {
    /// What is said to nobody is taken.
    var isWritable: Bool { phase == .gone || stream.isWritable }

    func backOpened(_ head: FieldBlock?) {
        guard phase == .asking else { return }
        phase = .open
        var fields = WebSocketFront.answer(upgrade, subprotocol: subprotocol)
        if let extensionAnswer { fields.append("sec-websocket-extensions", extensionAnswer.description.utf8) }
        if let head { append(head, to: &fields) }
        stream.openTunnel(fields)
        let options = request.route.config.websocket
        if untaken > 0 { takeFrames() }
        guard phase == .open else { return }
        // A drain that began while the back-end was dialled found nobody to tell.
        guard !request.worker.isDraining else { return drain() }
        guard let interval = options.pingInterval else { return }
        pinger = WebSocketPinger(
            request.worker, interval: interval, timeout: options.pongTimeout,
            // Who is not listened to must not be found silent.
            canSend: { [unowned self] in stream.isWritable && !hasUntakenData },
            tell: { [unowned self] in pingerFired($0) })
    }

    /// What a WebSocket back-end answered: its choice of a subprotocol, and cookies and what else it has to say.
    private func append(_ head: FieldBlock, to fields: inout FieldBlock) {
        if !head.contains("sec-websocket-protocol"), ReconnectEvents.areOffered(request) {
            fields.append("sec-websocket-protocol", ReconnectEvents.subprotocol.utf8)
        }
        if head.contains("sec-websocket-extensions") { use(.passThrough) }
        HopByHop.copy(from: head, into: &fields)
    }

    func pingerFired(_ event: WebSocketPinger.Event) {
        switch event {
        case .sendPing: write(.ping, ByteBuffer())
        case .silent:
            failure = Failure(
                .idleTimeout, .front, .body, "no answer to a ping (websocket.pongTimeout)", timeout: .pong)
            stream.reset()
            leave()
        }
    }

    func deliver(_ bytes: ByteBuffer, _ flags: BodyFlags) {
        guard phase == .open || phase == .leaving else { return }
        if let framer { return deliverFramed(bytes, framer) }
        let begins = !isInAnswer
        let opcode: WebSocketOpcode = isInAnswer ? .continuation : flags.contains(.text) ? .text : .binary
        isInAnswer = carriage == .messages && !flags.contains(.endsMessage)
        guard let deflater else {
            return write(opcode, bytes, fin: !isInAnswer, isMarked: begins && flags.contains(.compressed))
        }
        let piece = deflater.deflate(bytes, begins: begins, ends: !isInAnswer)
        write(opcode, piece.payload, fin: !isInAnswer, isMarked: piece.isMarked)
    }

    func finish(_ trailers: FieldBlock?) {
        if let framer, !finishFramed(framer) { return }
        let close = WebSocketClose(trailers: trailers)
        if phase == .leaving {
            // Of a client that broke the protocol the bridge itself has something to say.
            if let close, failure == nil { closeAnswer = close }
            leave()
        } else if let close {
            startClosing(close.code, close.reason)
        } else {
            startClosing(.normalClosure, "the back-end closed the connection")
        }
        letInIfOver()
    }

    func fail(_ failure: Failure) {
        self.failure = self.failure ?? failure
        switch phase {
        case .asking: answerError(failure)
        case .open:
            let route = request.route
            let code = WebSocketCloseCode(rawValue: failure.closeCode)
            startClosing(code, failure.message(route: route.name, isBrief: route.isBrief))
        case .leaving, .gone: leave()
        case .closing, .over: break
        }
        letInIfOver()
    }

    /// Nobody will take what waits; the client's close frame may be behind it.
    func letInIfOver() { if exchange.isOver { taken() } }

    func backReconnecting(attempt: Int, delay: Duration) {
        // A client that does not read is told of the loss, and not of each attempt.
        guard wantsEvents, phase == .open, stream.isWritable || !isToldOfLoss else { return }
        isToldOfLoss = true
        write(.text, ReconnectEvents.reconnecting(attempt: attempt, delay: delay))
    }

    func backReconnected() {
        framer?.framing.backBegins()
        guard wantsEvents, phase == .open else { return }
        isToldOfLoss = false
        write(.text, ReconnectEvents.reconnected)
    }

    func taken() {
        hasUntakenData = false
        guard decodeRest(), untaken > 0 else { return }
        stream.consume(untaken)
        untaken = 0
    }
}
