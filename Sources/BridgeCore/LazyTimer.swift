// rtbridge: a timer that is set and called off far more often than it fires.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Leaves its ``WheelTimer`` where it is when it is called off or put off, and looks at the time only when that fires: a
/// connection that is idle for a moment between requests costs two assignments, not a place in the wheel each time.
///
/// Its target asks ``isDue(_:_:)`` when it is fired, and does nothing if that says no.
public struct LazyTimer {
    private var timer: WheelTimer?
    /// When ``timer`` fires.
    private var firesAt = NIODeadline.distantFuture
    /// nil: called off.
    private var dueAt: NIODeadline?

    public init() {}

    public mutating func schedule(at deadline: NIODeadline, _ worker: Worker, _ target: any WheelTimerTarget) {
        dueAt = deadline
        guard timer == nil || deadline < firesAt else { return }
        set(deadline, worker, target)
    }

    private mutating func set(_ deadline: NIODeadline, _ worker: Worker, _ target: any WheelTimerTarget) {
        timer?.cancel()
        firesAt = deadline
        timer = worker.timers.schedule(at: deadline, target)
    }

    /// Calls it off; the timer still holds its target.
    public mutating func callOff() { dueAt = nil }

    /// Lets go of the target as well.
    public mutating func cancel() {
        dueAt = nil
        timer?.cancel()
        timer = nil
    }

    /// The timer has fired: whether its time has come. If that was put off, it fires again.
    public mutating func isDue(_ worker: Worker, _ target: any WheelTimerTarget) -> Bool {
        timer = nil
        guard let dueAt else { return false }
        guard dueAt > worker.now else {
            self.dueAt = nil
            return true
        }
        set(dueAt, worker, target)
        return false
    }
}
