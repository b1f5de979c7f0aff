// rtbridge: what is kept of a session's attempts.
// SPDX-License-Identifier: Apache-2.0

import BridgeTelemetry
import Testing

struct FailureTimelineTests {
    private static func entry(_ number: Int) -> FailureTimeline.Entry {
        .init(
            at: .milliseconds(number), address: "192.0.2.1:7", phase: "connect", result: "connection refused \(number)")
    }

    @Test func eachAttemptTellsWhenWhereHowFarAndWhat() {
        var timeline = FailureTimeline()
        #expect(timeline.text == "")
        timeline.add(Self.entry(0))
        timeline.add(.init(at: .seconds(2), address: "[::1]:7", phase: "body", result: "connection reset by peer"))
        #expect(
            timeline.text
                == "+0 ms 192.0.2.1:7: connect: connection refused 0; +2000 ms [::1]:7: body: connection reset by peer")
    }

    @Test func theLatestAreKeptAndTheOthersCounted() {
        var timeline = FailureTimeline()
        for number in 0..<100 { timeline.add(Self.entry(number)) }
        #expect(timeline.entries.count == FailureTimeline.capacity && timeline.forgotten == 84)
        #expect(timeline.entries.first == Self.entry(84) && timeline.entries.last == Self.entry(99))
        #expect(timeline.text.hasPrefix("84 earlier; +84 ms "))
    }
}
