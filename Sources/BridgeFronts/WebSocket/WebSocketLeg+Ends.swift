// rtbridge: how a client's WebSocket session ends.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgeTelemetry
import BridgeWire
import NIOCore

extension WebSocketLeg {
    /// Says the end first, and waits for the client's close frame (RFC 6455 §7.1.2).
    func startClosing(_ code: WebSocketCloseCode?, _ reason: String) {
        guard phase == .open else { return }
        phase = .closing
        closeCode = (code ?? .noStatusReceived).rawValue
        writeClose(code, reason)
        pinger?.stop()
        closingSince = request.worker.now
        closeTimer = request.worker.timers.schedule(at: closingSince + Self.closeTime, self)
    }

    /// How long a back-end may take for what its client sent last.
    private var patience: TimeAmount {
        TimeAmount(request.route.config.timeouts.idle ?? RouteTimeouts().idle ?? .seconds(300))
    }

    /// The client's close frame may stand behind bytes that the back-end has not taken: that is not the client's fault.
    func waitsForBack() -> Bool {
        guard phase == .closing, hasUntakenData, !exchange.isOver, request.worker.now - closingSince < patience else {
            return false
        }
        closeTimer = request.worker.timers.schedule(at: request.worker.now + Self.closeTime, self)
        return true
    }

    /// The client is gone without a close frame. What it sent in full goes to the back-end nonetheless, which may be slow
    /// to take what is inflated bit by bit; what the back-end still says is for nobody.
    func clientWent(_ reason: String) {
        switch phase {
        case .gone, .over: return
        case .asking, .open: failure = Failure(.aborted, .front, .body, reason)
        case .closing, .leaving: break
        }
        guard isPaused, !exchange.isOver, phase == .open || phase == .closing else { return leave() }
        phase = .gone
        request.worker.departs()
        pinger?.stop()
        closeTimer?.cancel()
        closeTimer = request.worker.timers.schedule(at: request.worker.now + patience, self)
        // A back-end that waits for its words to be taken would take none.
        exchange.frontWritable()
    }

    /// The close frame stood behind what the back-end had not taken when the client went.
    func closedBeforeItWent(_ close: WebSocketClose) {
        failure = nil
        exchange.frontEnded(carriage == .messages ? close.trailers : nil)
        leave()
    }

    /// Both close frames went, or the client is gone: the back-end gets what is under way, and the session is over.
    func leave() {
        guard phase != .over else { return }
        if phase == .leaving { writeClose(closeAnswer.code, closeAnswer.reason) }
        if phase == .gone { request.worker.hasDeparted() }
        phase = .over
        pinger?.stop()
        closeTimer?.cancel()
        exchange.frontClosed(failure)
        stream.finish(nil)
        note()
    }

    func answerError(_ failure: Failure) {
        phase = .over
        closeCode = UInt16(failure.httpStatus)
        if let answer = failure.answer {
            LocalAnswer.pass(answer, to: stream)
        } else {
            let text = failure.message(route: request.route.name, isBrief: request.route.isBrief)
            LocalAnswer.send(stream, status: failure.httpStatus, text: text)
        }
        note()
    }

    func note() {
        let (request, exchange) = (request, exchange!)
        request.worker.note(
            AccessRecord(
                route: request.route.name, front: "websocket", client: request.head.connection.client,
                path: String(decoding: request.head.path, as: UTF8.self), status: String(closeCode),
                failure: failure?.kind.rawValue ?? "", timeout: failure?.timeout?.rawValue ?? "",
                back: exchange.backAddress ?? failure?.address ?? "", bytesIn: exchange.bytesIn,
                bytesOut: exchange.bytesOut, dropped: exchange.dropped, reconnects: exchange.reconnects,
                duration: .nanoseconds((request.worker.eventLoop.now - startedAt).nanoseconds)))
    }
}
