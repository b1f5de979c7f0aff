// rtbridge: access records, gathered by their worker.
// SPDX-License-Identifier: Apache-2.0

import BridgeTelemetry
import NIOCore

/// Gathers a worker's access lines, and hands them over a few times a second.
final class AccessLines: WheelTimerTarget {
    private static let interval = TimeAmount.milliseconds(200)
    private static let batchBytes = 64 * 1024

    private var text = ""
    private var timer: WheelTimer?

    func add(_ line: String, _ log: AccessLog, _ worker: Worker) {
        text += line
        self.log = log
        if text.utf8.count >= Self.batchBytes {
            flush()
        } else if timer == nil {
            timer = worker.timers.schedule(at: worker.eventLoop.now + Self.interval, self)
        }
    }

    private var log: AccessLog?

    func flush() {
        timer?.cancel()
        timer = nil
        guard !text.isEmpty else { return }
        log?.write(text)
        text = ""
    }

    func timerFired(_ timer: WheelTimer) { flush() }
}

extension Worker {
    /// Notes the end of a request or session, where the configuration asks for access lines.
    public func note(_ record: @autoclosure () -> AccessRecord) {
        guard let accessLog else { return }
        accessLines.add(accessLog.line(record()), accessLog, self)
    }

    /// Hands over what was gathered; for the end of the process.
    public func flushAccessLines() { accessLines.flush() }
}
