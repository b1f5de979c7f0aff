// rtbridge: lines at a bounded rate.
// SPDX-License-Identifier: Apache-2.0

import BridgePolicy
import Testing

struct LogPaceTests {
    @Test func theFirstIsToldAndThenOneAnIntervalWithAllThatWereNot() {
        var pace = LogPace(interval: .seconds(1))
        #expect(pace.tell(now: .seconds(7)) == 1)
        for millisecond in 1..<1000 { #expect(pace.tell(now: .seconds(7) + .milliseconds(millisecond)) == nil) }
        #expect(pace.tell(now: .seconds(8)) == 1000)
        #expect(pace.tell(now: .seconds(20)) == 1)
    }
}
