// rtbridge: whether a WebSocket's peer is still there.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Asks for a ping every `interval`, and says when a peer was silent for `timeout` after one (RFC 6455 §5.5.2).
/// Anything that the peer sends counts as an answer.
public final class WebSocketPinger: WheelTimerTarget {
    public enum Event { case sendPing, silent }

    private let worker: Worker
    private let interval: TimeAmount
    private let timeout: TimeAmount?
    private let canSend: () -> Bool
    private let tell: (Event) -> Void
    private var timer: WheelTimer?
    private var nextPing: NIODeadline
    /// When the first ping that nothing followed must have been answered.
    private var answerDue: NIODeadline?

    /// - Parameter canSend: whether a ping would leave now. A peer that still has bytes to read is slow, not gone, and
    ///   is not asked: a ping behind them could not be answered in time. `timeouts.idle` is what ends its patience.
    public init(
        _ worker: Worker, interval: Duration, timeout: Duration?, canSend: @escaping () -> Bool,
        tell: @escaping (Event) -> Void
    ) {
        self.worker = worker
        self.interval = TimeAmount(interval)
        self.timeout = timeout.map { TimeAmount($0) }
        self.canSend = canSend
        self.tell = tell
        nextPing = worker.now + self.interval
        arm()
    }

    public func heard() { answerDue = nil }

    public func stop() {
        timer?.cancel()
        timer = nil
    }

    public func timerFired(_ timer: WheelTimer) {
        let now = worker.now
        guard canSend() else {
            answerDue = nil
            nextPing = now + interval
            return arm()
        }
        if let answerDue, answerDue <= now {
            self.timer = nil
            return tell(.silent)
        }
        guard nextPing <= now else { return arm() }
        nextPing = now + interval
        if answerDue == nil { answerDue = timeout.map { now + $0 } }
        arm()
        tell(.sendPing)
    }

    private func arm() {
        timer = worker.timers.schedule(at: min(nextPing, answerDue ?? nextPing), self)
    }
}
