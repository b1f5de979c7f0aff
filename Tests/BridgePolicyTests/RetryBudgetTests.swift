// rtbridge: the share of calls that may be retries.
// SPDX-License-Identifier: Apache-2.0

import BridgePolicy
import Testing

struct RetryBudgetTests {
    @Test func threeRetriesAreAlwaysAllowed() {
        var budget = RetryBudget()
        budget.callBegan()
        for _ in 0..<3 {
            #expect(budget.hasRoom(percent: 0))
            budget.retryBegan()
        }
        #expect(!budget.hasRoom(percent: 0) && !budget.hasRoom(percent: 100))
    }

    @Test func moreAreAllowedWhereMoreCallsAreUnderWay() {
        var budget = RetryBudget()
        for _ in 0..<100 { budget.callBegan() }
        for _ in 0..<20 {
            #expect(budget.hasRoom(percent: 20))
            budget.retryBegan()
        }
        #expect(!budget.hasRoom(percent: 20))
        budget.retryEnded()
        budget.callEnded()
        // 20 % of 99 are 19, and 19 retries are under way.
        #expect(!budget.hasRoom(percent: 20))
        budget.retryEnded()
        #expect(budget.hasRoom(percent: 20))
    }
}
