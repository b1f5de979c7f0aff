// rtbridge: whose silence is to be looked at next.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// The calls and sessions of a route that began less than its idle time ago, in that order, behind one timer.
///
/// Most calls are over long before anybody would ask whether they are silent: for those a place in this list is all that
/// it costs. One that lives on gets a timer of its own. Belongs to one event loop.
final class IdleWatch {
    let after: TimeAmount
    /// The list owns its members.
    private var first: Unmanaged<Exchange>?
    private var last: Unmanaged<Exchange>?
    private var timer: WheelTimer?

    init(after: TimeAmount) { self.after = after }

    /// All exchanges are of one worker, whose time never goes back.
    func add(_ exchange: Exchange) {
        let link = Unmanaged.passRetained(exchange)
        let due = exchange.worker.now + after
        exchange.idleLink = IdleLink(watch: Unmanaged.passUnretained(self), due: due, previous: last, next: nil)
        if let last { last._withUnsafeGuaranteedRef { $0.idleLink?.next = link } } else { first = link }
        last = link
        if timer == nil { timer = exchange.worker.timers.schedule(at: due, self) }
    }

    func remove(_ exchange: Exchange) {
        guard let link = exchange.idleLink else { return }
        exchange.idleLink = nil
        if let previous = link.previous {
            previous._withUnsafeGuaranteedRef { $0.idleLink?.next = link.next }
        } else {
            first = link.next
        }
        if let next = link.next {
            next._withUnsafeGuaranteedRef { $0.idleLink?.previous = link.previous }
        } else {
            last = link.previous
        }
        if first == nil {
            timer?.cancel()
            timer = nil
        }
        Unmanaged.passUnretained(exchange).release()
    }
}

/// An exchange's place in an ``IdleWatch``.
struct IdleLink {
    /// The exchange's route has it.
    let watch: Unmanaged<IdleWatch>
    let due: NIODeadline
    var previous: Unmanaged<Exchange>?
    var next: Unmanaged<Exchange>?
}

extension IdleWatch: WheelTimerTarget {
    func timerFired(_ timer: WheelTimer) {
        self.timer = nil
        while let exchange = first?.takeUnretainedValue(), let due = exchange.idleLink?.due {
            guard due <= exchange.worker.now else {
                self.timer = exchange.worker.timers.schedule(at: due, self)
                return
            }
            remove(exchange)
            exchange.lookForSilence()
        }
    }
}

@available(*, unavailable)
extension IdleWatch: Sendable {}
