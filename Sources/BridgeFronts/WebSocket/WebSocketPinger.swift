// rtbridge: whether a WebSocket's client is still there.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import NIOCore

/// Asks for a ping every `interval`, and says when a client was silent for `timeout` after one (RFC 6455 §5.5.2).
/// Anything that the client sends counts as an answer.
final class WebSocketPinger: WheelTimerTarget {
    enum Event { case sendPing, silent }

    private let worker: Worker
    private let interval: TimeAmount
    private let timeout: TimeAmount?
    private let tell: (Event) -> Void
    private var timer: WheelTimer?
    private var isWaiting = false

    init(_ worker: Worker, interval: Duration, timeout: Duration?, tell: @escaping (Event) -> Void) {
        self.worker = worker
        self.interval = TimeAmount(interval)
        self.timeout = timeout.map { TimeAmount($0) }
        self.tell = tell
        arm(self.interval)
    }

    func heard() { isWaiting = false }

    func stop() {
        timer?.cancel()
        timer = nil
    }

    func timerFired(_ timer: WheelTimer) {
        guard !isWaiting else {
            self.timer = nil
            return tell(.silent)
        }
        // Half of the cycle waits for the answer, the rest until the next ping.
        if let timeout, !hasJustPinged {
            hasJustPinged = true
            isWaiting = true
            arm(timeout)
            return tell(.sendPing)
        }
        guard timeout == nil else {
            hasJustPinged = false
            return arm(interval)
        }
        arm(interval)
        tell(.sendPing)
    }

    private var hasJustPinged = false

    private func arm(_ amount: TimeAmount) { timer = worker.timers.schedule(at: worker.now + amount, self) }
}
