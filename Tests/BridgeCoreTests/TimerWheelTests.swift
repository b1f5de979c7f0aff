// rtbridge: many timers on one wheel.
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOEmbedded
import Testing

@testable import BridgeCore

struct TimerWheelTests {
    private static let step: Int64 = 10_000_000
    /// 4096 steps of 10 ms.
    private static let round = TimeAmount.nanoseconds(4096 * step)

    /// Notes when it was told, by the loop's clock.
    private final class Target: WheelTimerTarget {
        let loop: EmbeddedEventLoop
        private(set) var fired: [NIODeadline] = []
        var onFire: (WheelTimer) -> Void = { _ in }

        init(_ loop: EmbeddedEventLoop) { self.loop = loop }

        func timerFired(_ timer: WheelTimer) {
            fired.append(loop.now)
            onFire(timer)
        }
    }

    private static func make(_ loop: EmbeddedEventLoop) -> TimerWheel { TimerWheel(eventLoop: loop) {} }

    @Test(arguments: [0, 1, 9_999_999, 10_000_000, 10_000_001, 123_456_789, 40_960_000_000, 41_000_000_000] as [Int64])
    func aTimerFiresOnceNeverEarlyAndAtMostTwoStepsLate(_ nanoseconds: Int64) {
        for start in [0, 3_333_333, 9_999_999, 123_456_789_012] as [Int64] {
            let loop = EmbeddedEventLoop()
            loop.advanceTime(by: .nanoseconds(start))
            let wheel = Self.make(loop)
            let target = Target(loop)
            let deadline = loop.now + .nanoseconds(nanoseconds)
            _ = wheel.schedule(at: deadline, target)
            loop.advanceTime(by: .nanoseconds(nanoseconds + 2 * Self.step))
            #expect(target.fired.count == 1, "start \(start)")
            #expect(target.fired.allSatisfy { $0 >= deadline && $0 <= deadline + .nanoseconds(2 * Self.step) })
            loop.advanceTime(by: .minutes(5))
            #expect(target.fired.count == 1 && wheel.count == 0)
        }
    }

    @Test func aTimerInThePastFiresSoonAndNotWithinSchedule() {
        let loop = EmbeddedEventLoop()
        loop.advanceTime(by: .hours(1))
        let wheel = Self.make(loop)
        let target = Target(loop)
        _ = wheel.schedule(at: .uptimeNanoseconds(0), target)
        #expect(target.fired.isEmpty)
        loop.advanceTime(by: .milliseconds(20))
        #expect(target.fired.count == 1)
    }

    @Test func aTimerIsFurtherAwayThanTheWheelIsRound() {
        let loop = EmbeddedEventLoop()
        let wheel = Self.make(loop)
        let target = Target(loop)
        let deadline = loop.now + .hours(3)
        _ = wheel.schedule(at: deadline, target)
        loop.advanceTime(to: deadline)
        #expect(target.fired.isEmpty)
        loop.advanceTime(by: .milliseconds(20))
        #expect(target.fired.count == 1)
    }

    @Test func aTimerAtTheEndOfTimeNeitherFiresNorOverflows() {
        let loop = EmbeddedEventLoop()
        let wheel = Self.make(loop)
        let target = Target(loop)
        let timer = wheel.schedule(at: .distantFuture, target)
        loop.advanceTime(by: .hours(2))
        #expect(target.fired.isEmpty && wheel.count == 1)
        timer.cancel()
        #expect(wheel.count == 0)
    }

    @Test func aCancelledTimerDoesNotFireAndLetsGoOfItsTarget() {
        let loop = EmbeddedEventLoop()
        let wheel = Self.make(loop)
        weak var target: Target?
        let timer: WheelTimer
        do {
            let made = Target(loop)
            target = made
            timer = wheel.schedule(at: loop.now + .seconds(1), made)
        }
        #expect(target != nil, "an armed timer holds its target")
        timer.cancel()
        #expect(target == nil && wheel.count == 0)
        timer.cancel()
        loop.advanceTime(by: .seconds(2))
    }

    @Test func aTimerThatFiredLetsGoOfItsTarget() {
        let loop = EmbeddedEventLoop()
        let wheel = Self.make(loop)
        weak var target: Target?
        let timer: WheelTimer
        do {
            let made = Target(loop)
            target = made
            timer = wheel.schedule(at: loop.now + .seconds(1), made)
        }
        loop.advanceTime(by: .seconds(2))
        #expect(target == nil)
        timer.cancel()
        #expect(wheel.count == 0)
    }

    @Test func timersOfOneStepMayCancelEachOther() {
        let loop = EmbeddedEventLoop()
        let wheel = Self.make(loop)
        let targets = (0..<5).map { _ in Target(loop) }
        let deadline = loop.now + .milliseconds(55)
        let timers = targets.map { wheel.schedule(at: deadline, $0) }
        for target in targets { target.onFire = { _ in for timer in timers { timer.cancel() } } }
        loop.advanceTime(by: .seconds(1))
        #expect(targets.reduce(0) { $0 + $1.fired.count } == 1)
        #expect(wheel.count == 0)
    }

    @Test func aTargetMayArmItselfAgainFromItsTimer() {
        let loop = EmbeddedEventLoop()
        let wheel = Self.make(loop)
        let target = Target(loop)
        target.onFire = { [unowned target] _ in
            if target.fired.count < 100 { _ = wheel.schedule(at: loop.now + .milliseconds(30), target) }
        }
        _ = wheel.schedule(at: loop.now + .milliseconds(30), target)
        loop.advanceTime(by: .seconds(10))
        #expect(target.fired.count == 100)
        for (earlier, later) in zip(target.fired, target.fired.dropFirst()) {
            #expect(later - earlier >= .milliseconds(30) && later - earlier <= .milliseconds(50))
        }
    }

    /// The wheel sleeps while it has nothing, and does not go through the time that it slept.
    @Test func aWheelThatWasEmptyForLongIsInTime() {
        let loop = EmbeddedEventLoop()
        let wheel = Self.make(loop)
        for _ in 0..<20 {
            loop.advanceTime(by: .hours(7) + .nanoseconds(3_333_333))
            let target = Target(loop)
            let deadline = loop.now + .milliseconds(25)
            _ = wheel.schedule(at: deadline, target)
            loop.advanceTime(by: .milliseconds(45))
            #expect(target.fired.count == 1)
            #expect(target.fired.allSatisfy { $0 >= deadline && $0 <= deadline + .milliseconds(20) })
        }
    }

    @Test func aNearerTimerWakesTheWheelBeforeAFartherOne() {
        let loop = EmbeddedEventLoop()
        let wheel = Self.make(loop)
        let far = Target(loop)
        let near = Target(loop)
        _ = wheel.schedule(at: loop.now + .seconds(30), far)
        loop.advanceTime(by: .seconds(1))
        _ = wheel.schedule(at: loop.now + .milliseconds(100), near)
        loop.advanceTime(by: .milliseconds(120))
        #expect(near.fired.count == 1 && far.fired.isEmpty)
        loop.advanceTime(by: .seconds(29))
        #expect(far.fired.count == 1)
    }

    @Test(arguments: 0..<8 as Range<UInt64>)
    func thousandsOfRandomTimersFireInTimeOrNotAtAll(_ seed: UInt64) {
        var random = SplitMix(seed: seed)
        let loop = EmbeddedEventLoop()
        let wheel = Self.make(loop)
        struct Entry {
            var deadline: NIODeadline
            var made: NIODeadline
            var target: Target
            var timer: WheelTimer
            var isCancelled = false
        }
        var entries: [Entry] = []
        let longest: Int64 = seed.isMultiple(of: 2) ? 3_000_000_000 : 100_000_000_000
        for _ in 0..<4000 {
            let deadline = loop.now + .nanoseconds(Int64.random(in: -Self.step...longest, using: &random))
            let target = Target(loop)
            let timer = wheel.schedule(at: deadline, target)
            entries.append(Entry(deadline: deadline, made: loop.now, target: target, timer: timer))
            if Int.random(in: 0..<3, using: &random) == 0 {
                let victim = Int.random(in: 0..<entries.count, using: &random)
                if entries[victim].target.fired.isEmpty { entries[victim].isCancelled = true }
                entries[victim].timer.cancel()
            }
            if Int.random(in: 0..<8, using: &random) == 0 {
                loop.advanceTime(by: .nanoseconds(Int64.random(in: 0...120_000_000, using: &random)))
            }
        }
        loop.advanceTime(by: .nanoseconds(longest + 2 * Self.step))
        #expect(wheel.count == 0, "seed \(seed)")
        for entry in entries {
            if entry.isCancelled {
                #expect(entry.target.fired.isEmpty, "seed \(seed)")
            } else {
                #expect(entry.target.fired.count == 1, "seed \(seed)")
                let limit = max(entry.deadline, entry.made) + .nanoseconds(2 * Self.step)
                #expect(entry.target.fired.allSatisfy { $0 >= entry.deadline }, "never early, seed \(seed)")
                #expect(entry.target.fired.allSatisfy { $0 <= limit }, "never late, seed \(seed)")
            }
        }
    }

    @Test func aWheelThatIsGoneLeavesNoTaskBehindThatTouchesIt() {
        let loop = EmbeddedEventLoop()
        weak var wheel: TimerWheel?
        do {
            let made = Self.make(loop)
            wheel = made
            let target = Target(loop)
            made.schedule(at: loop.now + .seconds(1), target).cancel()
        }
        #expect(wheel == nil)
        loop.advanceTime(by: .seconds(5))
    }
}
