// rtbridge: what an exchange has a session of server-sent events do.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire
import NIOCore

extension SSESession: FrontLeg {
    var isWritable: Bool { ring.hasRoom }

    func backOpened(_ head: FieldBlock?) {
        guard phase == .opening else { return }
        phase = .open
        writer.opened(head)
        begin(lost: 0)
    }

    func deliver(_ bytes: ByteBuffer, _ flags: BodyFlags) {
        guard phase == .open else { return }
        do throws(GRPCFrameError) {
            try writer.write(bytes, into: &ring)
            pump()
        } catch {
            let failure = Failure(
                .protocolViolation, .back, .body, error.status.message, grpcCode: Int(error.status.code.rawValue))
            fail(failure)
            exchange.frontAborted(failure)
        }
    }

    func finish(_ trailers: FieldBlock?) {
        if phase == .opening { backOpened(nil) }
        end(isGRPC ? SSECall.status(trailers) : "{}")
    }

    func fail(_ failure: Failure) {
        self.failure = failure
        let text = failure.message(route: request.route.name, isBrief: request.route.isBrief)
        guard phase == .opening else {
            return end(SSECall.status(code: isGRPC ? failure.grpcStatusCode : nil, message: text))
        }
        let status = failure.httpStatus
        tellClient { $0.refuse(status, text) }
        becomeOver()
    }

    func taken() { answerPoster(204, nil) }

    func drain() {
        guard phase == .open else { return phase == .opening ? exchange.stopWaiting() : () }
        end(SSECall.status(code: nil, message: "rtbridge is shutting down"))
        exchange.frontClosed()
    }

    func backReconnecting(attempt: Int, delay: Duration) {
        tellOfBack(ReconnectEvents.reconnecting(attempt: attempt, delay: delay))
    }

    func backReconnected() { tellOfBack(ReconnectEvents.reconnected) }

    private func tellOfBack(_ text: ByteBuffer) {
        guard phase == .open, request.route.config.reconnect?.policy.mode == .notify, isWritable else { return }
        ring.append(writer.event("rtbridge.back", String(buffer: text), number: ring.next))
        pump()
    }
}
