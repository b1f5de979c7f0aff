// rtbridge: gRPC A6, case by case, and at random.
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import BridgePolicy

struct RetryStateTests {
    private var random = SeededRandom(seed: 1)

    private static func parameters(_ change: (inout RetryParameters) -> Void = { _ in }) -> RetryParameters {
        var parameters = RetryParameters()
        parameters.jitter = .fraction(0)
        change(&parameters)
        return parameters
    }

    private mutating func end(
        _ state: inout RetryState, _ outcome: RetryState.Outcome, hasBudget: Bool = true, timeLeft: Duration? = nil
    ) -> RetryState.OnAttemptEnded {
        state.attemptEnded(outcome, hasBudget: hasBudget, timeLeft: timeLeft, using: &random)
    }

    private let unavailable = RetryState.Outcome.status(14, .none)

    /// "`maxAttempts` specifies the maximum number of RPC attempts, including the original request."
    @Test mutating func thereAreAsManyAttemptsAsThePolicySaysWithDelaysThatGrow() {
        var state = RetryState(Self.parameters())
        #expect(end(&state, unavailable) == .retry(after: .milliseconds(100)))
        #expect(end(&state, unavailable) == .retry(after: .milliseconds(200)))
        #expect(end(&state, unavailable) == .retry(after: .milliseconds(400)))
        #expect(state.attempt == 4 && state.previousAttempts == 3 && !state.mayRetry)
        #expect(end(&state, unavailable) == .giveUp(.attemptsUsedUp))
    }

    /// "random(0, min(initialBackoff*backoffMultiplier**(n-1), maxBackoff))"
    @Test mutating func noDelayIsLongerThanTheFormulaSays() {
        let parameters = Self.parameters {
            $0.jitter = .full
            $0.maxAttempts = 10
            $0.maxBackoff = .milliseconds(700)
        }
        for _ in 0..<1000 {
            var state = RetryState(parameters)
            for step in [100, 200, 400, 700, 700, 700] {
                guard case .retry(let delay) = end(&state, unavailable) else {
                    Issue.record("no retry")
                    return
                }
                #expect(delay >= .zero && delay <= .milliseconds(step))
            }
        }
    }

    @Test mutating func onlyTheStatusesOfThePolicyAreTriedAgain() {
        for code in 1...16 as ClosedRange<UInt8> {
            var state = RetryState(Self.parameters { $0.retryableStatusCodes = [8, 14] })
            let expected: RetryState.OnAttemptEnded =
                code == 8 || code == 14 ? .retry(after: .milliseconds(100)) : .giveUp(.notRetryable)
            #expect(end(&state, .status(code, .none)) == expected, "status \(code)")
        }
    }

    @Test mutating func nothingIsTriedAgainOnceTheCallIsCommitted() {
        for outcome in [unavailable, .timedOut, .unseen(.refused), .unseen(.neverSent)] {
            var state = RetryState(Self.parameters())
            state.commit()
            #expect(end(&state, outcome) == .giveUp(.committed))
        }
    }

    /// "If the RPC reaches the gRPC server library, but has never been seen by the server application logic […] the
    /// client library will immediately retry it once. If this fails, then the RPC will be handled by the configured
    /// retry policy."
    @Test mutating func whatWasRefusedIsTriedAgainOnceAtOnceAndThenByThePolicy() {
        var state = RetryState(Self.parameters { $0.maxAttempts = 2 })
        #expect(end(&state, .unseen(.refused), hasBudget: false) == .retryNow)
        #expect(state.previousAttempts == 0, "transparent retries do not count")
        #expect(end(&state, .unseen(.refused)) == .retry(after: .milliseconds(100)))
        #expect(state.previousAttempts == 1)
        #expect(end(&state, .unseen(.refused)) == .giveUp(.attemptsUsedUp))
    }

    @Test mutating func whatWasNeverSentIsTriedAgainAtOnceButNotForEver() {
        var state = RetryState(Self.parameters { $0.retryableStatusCodes = [10] })
        for _ in 0..<TransparentRetries.maximumNeverSent { #expect(end(&state, .unseen(.neverSent)) == .retryNow) }
        #expect(state.attempt == 1)
        #expect(end(&state, .unseen(.neverSent)) == .giveUp(.notRetryable))
    }

    /// "Retry in n ms. If this attempt also fails, retry delay will reset to initial backoff for the following retry"
    @Test mutating func aPushbackSetsTheDelayAndTheBackoffBeginsAnew() {
        var state = RetryState(Self.parameters { $0.maxAttempts = 6 })
        #expect(end(&state, unavailable) == .retry(after: .milliseconds(100)))
        #expect(end(&state, unavailable) == .retry(after: .milliseconds(200)))
        #expect(end(&state, .status(14, .after(.milliseconds(7)))) == .retry(after: .milliseconds(7)))
        #expect(end(&state, unavailable) == .retry(after: .milliseconds(100)))
    }

    @Test mutating func aPushbackCannotMakeMoreAttemptsNorMoreStatusesRetryable() {
        var state = RetryState(Self.parameters { $0.maxAttempts = 2 })
        #expect(end(&state, .status(3, .after(.zero))) == .giveUp(.notRetryable))
        #expect(end(&state, .status(14, .never)) == .giveUp(.pushedBack))
        #expect(end(&state, unavailable) == .retry(after: .milliseconds(100)))
        #expect(end(&state, .status(14, .after(.zero))) == .giveUp(.attemptsUsedUp))
    }

    /// "ASCII encoded signed 32-bit integer"; "If the value for pushback is negative or unparseble, then it will be seen
    /// as the server asking the client not to retry at all."
    @Test(arguments: [
        (nil, RetryState.Pushback.none), ("0", .after(.zero)), ("250", .after(.milliseconds(250))),
        ("2147483647", .after(.milliseconds(2_147_483_647))), ("2147483648", .never), ("-1", .never), ("", .never),
        ("soon", .never), ("1.5", .never), (" 1", .never),
    ])
    func pushbackIsRead(_ value: String?, _ pushback: RetryState.Pushback) {
        #expect(RetryState.Pushback(value: value) == pushback)
    }

    @Test mutating func noRetryBeginsWithoutBudgetOrAfterTheDeadline() {
        var state = RetryState(Self.parameters())
        #expect(end(&state, unavailable, hasBudget: false) == .giveUp(.budgetUsedUp))
        #expect(end(&state, unavailable, timeLeft: .milliseconds(100)) == .giveUp(.deadlineTooNear))
        #expect(end(&state, unavailable, timeLeft: .milliseconds(201)) == .retry(after: .milliseconds(200)))
    }

    @Test mutating func anAttemptThatTimedOutIsTriedAgainWhateverTheStatuses() {
        var state = RetryState(Self.parameters { $0.retryableStatusCodes = [10] })
        #expect(end(&state, .timedOut) == .retry(after: .milliseconds(100)))
    }

    @Test func thousandsOfRandomCallsKeepTheRules() {
        for seed in 0..<5000 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            let parameters = Self.parameters {
                $0.maxAttempts = Int.random(in: 2...10, using: &random)
                $0.jitter = Bool.random(using: &random) ? .full : .decorrelated
                $0.retryableStatusCodes = Bool.random(using: &random) ? [14] : [4, 14]
            }
            var state = RetryState(parameters)
            var (policyRetries, refusals, neverSent, isOver) = (0, 0, 0, false)
            while !isOver {
                if Int.random(in: 0..<12, using: &random) == 0 { state.commit() }
                let wasCommitted = state.isCommitted
                let outcome: RetryState.Outcome = [
                    .unseen(.refused), .unseen(.neverSent), .timedOut, .status(14, .none), .status(4, .none),
                    .status(14, .after(.milliseconds(3))), .status(14, .never),
                ].randomElement(using: &random)!
                switch state.attemptEnded(outcome, hasBudget: true, timeLeft: nil, using: &random) {
                case .retryNow:
                    #expect(!wasCommitted, "seed \(seed)")
                    if outcome == .unseen(.refused) { refusals += 1 } else { neverSent += 1 }
                case .retry(let delay):
                    policyRetries += 1
                    #expect(!wasCommitted && outcome != .status(14, .never), "seed \(seed)")
                    #expect(delay >= .zero && delay <= parameters.maxBackoff, "seed \(seed)")
                case .giveUp(let reason):
                    #expect((reason == .committed) == wasCommitted, "seed \(seed)")
                    isOver = true
                }
                #expect(state.previousAttempts == policyRetries, "seed \(seed)")
            }
            #expect(policyRetries < parameters.maxAttempts && refusals <= 1, "seed \(seed)")
            #expect(neverSent <= TransparentRetries.maximumNeverSent, "seed \(seed)")
        }
    }
}
