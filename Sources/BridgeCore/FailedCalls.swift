// rtbridge: the latest calls and sessions that failed, with what was tried for each.
// SPDX-License-Identifier: Apache-2.0

import BridgeTelemetry
import NIOCore

/// A call or session that the bridge ended with a failure of its own.
public struct FailedCall: Sendable {
    public var route: String
    public var client: String
    public var endedAt: NIODeadline
    public var failure: Failure
    /// Empty where it was tried once: the failure says it all.
    public var timeline: FailureTimeline
}

/// A worker's latest failures, the oldest first. Bounded; costs nothing while nothing fails.
public struct FailedCalls: Sendable {
    public static let capacity = 128

    private var ring = CircularBuffer<FailedCall>()

    public var entries: [FailedCall] { Array(ring) }

    mutating func add(_ call: FailedCall) {
        if ring.count == Self.capacity { ring.removeFirst() }
        ring.append(call)
    }
}
