// rtbridge: checks make a state that does not flutter.
// SPDX-License-Identifier: Apache-2.0

import BridgePolicy
import Testing

struct HealthTrackerTests {
    @Test func thresholdsAreCountedInARow() {
        var tracker = HealthTracker(healthyThreshold: 2, unhealthyThreshold: 3)
        #expect(tracker.state == .unknown && tracker.isUsable)
        for (isGood, state, hasChanged) in [
            (false, HealthTracker.State.unknown, false), (false, .unknown, false), (true, .healthy, true),
            (false, .healthy, false), (false, .healthy, false), (true, .healthy, false), (false, .healthy, false),
            (false, .healthy, false), (false, .unhealthy, true), (true, .unhealthy, false), (false, .unhealthy, false),
            (true, .unhealthy, false), (true, .healthy, true),
        ] {
            let changed = tracker.checked(isGood: isGood)
            #expect(changed == hasChanged)
            #expect(tracker.state == state)
        }
    }

    @Test func whatWasNeverWellBecomesUnhealthyToo() {
        var tracker = HealthTracker(healthyThreshold: 1, unhealthyThreshold: 2)
        let changes = [tracker.checked(isGood: false), tracker.checked(isGood: false)]
        #expect(changes == [false, true] && !tracker.isUsable)
    }
}
