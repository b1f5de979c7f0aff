// rtbridge: how a client's WebSocket session ends.
// SPDX-License-Identifier: Apache-2.0

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
        closeTimer = request.worker.timers.schedule(at: request.worker.now + Self.closeTime, self)
    }

    /// Both close frames went, or the client is gone: the back-end gets what is under way, and the session is over.
    func leave() {
        guard phase != .over else { return }
        if phase == .leaving { writeClose(closeAnswer.code, closeAnswer.reason) }
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
