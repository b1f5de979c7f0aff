// rtbridge: many timers that seldom fire, at little cost.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Who is told that a timer fired.
public protocol WheelTimerTarget: AnyObject {
    func timerFired(_ timer: WheelTimer)
}

/// A timer in a ``TimerWheel``. Once cancelled or fired it does nothing more.
public final class WheelTimer {
    fileprivate var deadline: NIODeadline
    fileprivate var slot = -1
    fileprivate var target: (any WheelTimerTarget)?
    fileprivate unowned(unsafe) var wheel: TimerWheel
    fileprivate var previous: WheelTimer?
    fileprivate var next: WheelTimer?

    fileprivate init(deadline: NIODeadline, target: any WheelTimerTarget, wheel: TimerWheel) {
        self.deadline = deadline
        self.target = target
        self.wheel = wheel
    }

    public func cancel() {
        target = nil
        guard slot >= 0 else { return }
        wheel.unlink(self)
    }
}

/// A hashed timing wheel (Varghese and Lauck, 1987, scheme 6) of 10 ms steps: scheduling and cancelling cost a list
/// operation each, where an event loop's own heap costs O(n) to cancel. Belongs to one event loop.
///
/// Timers fire at most two steps late, never early. One further away than the wheel's round (41 s) goes to its slot
/// again each time the wheel comes by.
public final class TimerWheel {
    private static let slotCount = 4096
    private static let step: Int64 = 10_000_000  // ns

    private let eventLoop: any EventLoop
    private let onTick: () -> Void
    private var slots: [WheelTimer?] = Array(repeating: nil, count: slotCount)
    /// The step up to which all slots have been looked at.
    private var done: Int64
    /// Timers that are armed.
    private(set) var count = 0
    private var scheduled: Scheduled<Void>?
    private var scheduledStep = Int64.max

    /// - Parameter onTick: called before timers fire, to bring the worker's clock up to date.
    init(eventLoop: any EventLoop, onTick: @escaping () -> Void) {
        self.eventLoop = eventLoop
        self.onTick = onTick
        done = Self.step(at: eventLoop.now)
    }

    /// Arms a timer. `target` is kept alive until it fires or is cancelled.
    public func schedule(at deadline: NIODeadline, _ target: any WheelTimerTarget) -> WheelTimer {
        let timer = WheelTimer(deadline: deadline, target: target, wheel: self)
        link(timer)
        return timer
    }

    private static func step(at time: NIODeadline) -> Int64 { Int64(clamping: time.uptimeNanoseconds) / step }

    private func dueStep(_ timer: WheelTimer) -> Int64 { Self.step(at: timer.deadline) + 1 }

    private func link(_ timer: WheelTimer) {
        if count == 0 { done = max(done, Self.step(at: eventLoop.now) - 1) }
        let due = min(max(dueStep(timer), done + 1), done + Int64(Self.slotCount) - 1)
        let slot = Int(due % Int64(Self.slotCount))
        timer.slot = slot
        timer.next = slots[slot]
        timer.next?.previous = timer
        slots[slot] = timer
        count += 1
        wake(at: due)
    }

    fileprivate func unlink(_ timer: WheelTimer) {
        if let previous = timer.previous { previous.next = timer.next } else { slots[timer.slot] = timer.next }
        timer.next?.previous = timer.previous
        timer.previous = nil
        timer.next = nil
        timer.slot = -1
        count -= 1
        // The loop's own timer stays as it is: it finds nothing to do, and then sleeps until the next slot in use.
    }

    private func wake(at step: Int64) {
        guard step < scheduledStep else { return }
        scheduled?.cancel()
        scheduledStep = step
        let at = NIODeadline.uptimeNanoseconds(UInt64(step * Self.step))
        scheduled = eventLoop.assumeIsolated().scheduleTask(deadline: at) { [weak self] in self?.advance() }
    }

    private func advance() {
        scheduledStep = .max
        scheduled = nil
        onTick()
        let now = Self.step(at: eventLoop.now)
        while done < now, count > 0 {
            done += 1
            var timer = slots[Int(done % Int64(Self.slotCount))]
            var due: [WheelTimer] = []
            while let current = timer {
                timer = current.next
                unlink(current)
                due.append(current)
            }
            for timer in due { fireOrLinkAgain(timer) }
        }
        done = max(done, now)
        sleepUntilNextSlot()
    }

    private func fireOrLinkAgain(_ timer: WheelTimer) {
        guard let target = timer.target else { return }
        guard dueStep(timer) <= done else { return link(timer) }
        timer.target = nil
        target.timerFired(timer)
    }

    private func sleepUntilNextSlot() {
        guard count > 0 else { return }
        for offset in 1..<Int64(Self.slotCount) where slots[Int((done + offset) % Int64(Self.slotCount))] != nil {
            return wake(at: done + offset)
        }
    }
}

@available(*, unavailable)
extension TimerWheel: Sendable {}
@available(*, unavailable)
extension WheelTimer: Sendable {}
