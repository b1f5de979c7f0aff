// rtbridge: what failed of late is kept, and no more than that.
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Testing

@testable import BridgeCore

struct FailedCallsTests {
    @Test func theLatestAreKept() {
        var calls = FailedCalls()
        for number in 0..<(FailedCalls.capacity + 10) {
            calls.add(
                FailedCall(
                    route: "r\(number)", client: "192.0.2.1", endedAt: .uptimeNanoseconds(UInt64(number)),
                    failure: Failure(.aborted, .front, .body, "x"), timeline: .init()))
        }
        #expect(calls.entries.count == FailedCalls.capacity)
        #expect(calls.entries.first?.route == "r10")
        #expect(calls.entries.last?.route == "r\(FailedCalls.capacity + 9)")
    }
}
