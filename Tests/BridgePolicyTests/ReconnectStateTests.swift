// rtbridge: when a lost back-end is dialled again, and when no more.
// SPDX-License-Identifier: Apache-2.0

import BridgePolicy
import Testing

struct ReconnectStateTests {
    private typealias Traffic = ReconnectState.Traffic
    private static let nothing = ReconnectState.Traffic(hasWritten: false, hasRead: false)
    private static let written = ReconnectState.Traffic(hasWritten: true, hasRead: false)
    private static let read = ReconnectState.Traffic(hasWritten: false, hasRead: true)

    /// Delays of 100, 200, 400, … ms without jitter, a hold of 10 s.
    private static func policy(
        _ mode: ReconnectMode = .notify, attempts: Int = 0, hold: Duration = .seconds(10)
    ) -> ReconnectPolicy {
        var policy = ReconnectPolicy()
        policy.mode = mode
        policy.backoff = BackoffParameters(
            initial: .milliseconds(100), multiplier: 2, max: .seconds(2), jitter: .fraction(0))
        policy.maxAttempts = attempts
        policy.maxHold = hold
        policy.resetAfter = .seconds(5)
        return policy
    }

    /// A session and its time.
    private final class Run {
        var state: ReconnectState
        var now = Duration.seconds(1000)
        var random = SeededRandom(seed: 1)

        init(_ policy: ReconnectPolicy) {
            state = ReconnectState(policy)
            state.started(at: now)
        }

        func lost(
            _ loss: ReconnectState.Loss = .failed, _ traffic: ReconnectState.Traffic = ReconnectStateTests.nothing
        ) -> ReconnectState.OnLost {
            state.lost(loss, traffic, at: now, using: &random)
        }

        func connect(after delay: Duration) {
            now += delay
            #expect(delayPassed())
            state.connected(at: now)
        }

        /// A back-end that is there from the first dial on.
        static func live(_ policy: ReconnectPolicy) -> Run {
            let run = Run(policy)
            run.state.connected(at: run.now)
            return run
        }

        func delayPassed() -> Bool { state.delayPassed() }
        func holdPassed() -> Bool { state.holdPassed(at: now) }
    }

    @Test(arguments: ReconnectMode.allCases)
    func beforeTheFirstByteConnectingIsTriedAgainInEveryMode(_ mode: ReconnectMode) {
        let run = Run(Self.policy(mode))
        #expect(run.lost() == .retry(attempt: 2, delay: .milliseconds(100)))
        run.now += .milliseconds(100)
        #expect(run.delayPassed())
        #expect(!run.delayPassed(), "once")
        #expect(run.lost() == .retry(attempt: 3, delay: .milliseconds(200)))
        run.connect(after: .milliseconds(200))
        #expect(run.lost() == .retry(attempt: 1, delay: .milliseconds(400)), "no byte went through yet")
    }

    @Test(arguments: [
        (written, ReconnectState.OnLost.end), (read, .end), (nothing, .retry(attempt: 1, delay: .milliseconds(100))),
    ])
    func closeEndsWhatHadBegun(_ traffic: ReconnectState.Traffic, _ expected: ReconnectState.OnLost) {
        let run = Run.live(Self.policy(.close))
        #expect(run.lost(.failed, traffic) == expected)
        #expect(run.state.phase == (expected == .end ? .over : .waiting))
    }

    @Test func closeTakesAnEndForAnEnd() {
        let run = Run.live(Self.policy(.close))
        #expect(run.lost(.ended) == .end)
    }

    @Test(arguments: [ReconnectMode.notify, .resume], [ReconnectState.Loss.failed, .ended])
    func theOtherModesGoOn(_ mode: ReconnectMode, _ loss: ReconnectState.Loss) {
        let run = Run.live(Self.policy(mode))
        #expect(run.lost(loss, Self.read) == .retry(attempt: 1, delay: .milliseconds(100)))
    }

    @Test func noMoreAttemptsThanAllowed() {
        let run = Run(Self.policy(attempts: 3))
        for delay in [100, 200] {
            guard case .retry = run.lost() else { Issue.record("gave up early"); return }
            run.now += .milliseconds(delay)
            #expect(run.delayPassed())
        }
        #expect(run.lost() == .giveUp)
        #expect(run.state.attempts == 3 && run.state.elapsed(at: run.now) == .milliseconds(300))
        #expect(run.lost() == .ignore && !run.delayPassed(), "it is over")
    }

    @Test func afterALossAsManyDialsAreAllowed() {
        let run = Run.live(Self.policy(attempts: 1))
        #expect(run.lost(.failed, Self.read) == .retry(attempt: 1, delay: .milliseconds(100)))
        #expect(run.delayPassed())
        #expect(run.lost() == .giveUp)
    }

    @Test func noDialComesAfterTheHold() {
        let run = Run(Self.policy(hold: .milliseconds(650)))
        var delays: [Duration] = []
        while case .retry(_, let delay) = run.lost() {
            delays.append(delay)
            run.now += delay
            #expect(run.delayPassed())
        }
        // 100 + 200 = 300; another 400 would be too late.
        #expect(delays == [.milliseconds(100), .milliseconds(200)])
    }

    @Test func aDialThatHangsEndsWithTheHold() {
        let run = Run(Self.policy(hold: .seconds(1)))
        run.now += .milliseconds(999)
        #expect(!run.holdPassed())
        run.now += .milliseconds(1)
        #expect(run.holdPassed())
        #expect(!run.holdPassed(), "one end")
        run.state.connected(at: run.now)
        #expect(run.state.phase == .over)
    }

    @Test func aLiveBackEndHasNoHold() {
        let run = Run.live(Self.policy(hold: .seconds(1)))
        run.now += .seconds(100)
        #expect(!run.holdPassed())
    }

    /// A server behind a port forwarder: it accepts, and hangs up.
    @Test func aBackEndThatAcceptsAndHangsUpIsNotBack() {
        let run = Run.live(Self.policy(hold: .seconds(3)))
        var delays: [Duration] = []
        while case .retry(_, let delay) = run.lost(.failed, Self.written) {
            delays.append(delay)
            run.connect(after: delay)
        }
        #expect(delays == [100, 200, 400, 800].map { .milliseconds($0) })
        #expect(run.state.phase == .over)
    }

    @Test func aByteOfTheBackEndEndsTheOutageButNotTheBackoff() {
        let run = Run.live(Self.policy(attempts: 2, hold: .seconds(3)))
        for delay in [100, 200, 400, 800, 1600, 2000, 2000] {
            #expect(run.lost(.failed, Self.read) == .retry(attempt: 1, delay: .milliseconds(delay)))
            run.connect(after: .milliseconds(delay))
        }
    }

    @Test func aSessionThatLivedStartsTheBackoffAnew() {
        let run = Run.live(Self.policy())
        #expect(run.lost(.failed, Self.read) == .retry(attempt: 1, delay: .milliseconds(100)))
        run.connect(after: .milliseconds(100))
        run.now += .milliseconds(4999)
        #expect(run.lost(.failed, Self.written) == .retry(attempt: 1, delay: .milliseconds(200)))
        run.connect(after: .milliseconds(200))
        run.now += .seconds(5)
        #expect(run.lost(.failed, Self.nothing) == .retry(attempt: 1, delay: .milliseconds(100)))
    }

    // MARK: Any order

    @Test func anyOrderOfEventsKeepsTheBounds() {
        for seed in 0..<5000 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            var policy = Self.policy(ReconnectMode.allCases[Int.random(in: 0..<3, using: &random)])
            policy.maxAttempts = Int.random(in: 0...4, using: &random)
            policy.backoff.jitter =
                [.full, .equal, .decorrelated, .fraction(0.5)][Int.random(in: 0..<4, using: &random)]
            let run = Run(policy)
            run.random = random
            var dials = 1
            var ends = 0
            for _ in 0..<Int.random(in: 1...80, using: &random) {
                let (wasOver, wasLive) = (run.state.phase == .over, run.state.phase == .live)
                switch Int.random(in: 0..<10, using: &random) {
                case 0..<2: run.state.connected(at: run.now)
                case 2..<6:
                    let traffic = ReconnectState.Traffic(
                        hasWritten: Bool.random(using: &random), hasRead: Bool.random(using: &random))
                    let result = run.lost(Bool.random(using: &random) ? .failed : .ended, traffic)
                    if case .retry(let attempt, let delay) = result {
                        #expect(delay >= .zero && run.now + delay < run.state.holdEnd, "seed \(seed)")
                        #expect(policy.maxAttempts == 0 || attempt <= policy.maxAttempts, "seed \(seed)")
                    }
                    if result == .end || result == .giveUp { ends += 1 }
                    #expect(!wasOver || result == .ignore, "seed \(seed)")
                    if result == .end { #expect(wasLive && policy.mode == .close, "seed \(seed)") }
                case 6..<8: if run.delayPassed() { dials += 1 }
                case 8: if run.holdPassed() { ends += 1 }
                default: run.now += .milliseconds(Int.random(in: 0...3000, using: &random))
                }
                #expect(!wasOver || run.state.phase == .over, "seed \(seed)")
                #expect(run.state.attempts <= dials, "seed \(seed)")
            }
            #expect(ends == (run.state.phase == .over ? 1 : 0), "seed \(seed)")
        }
    }
}
