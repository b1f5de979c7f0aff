// rtbridge: events of a session, those that a client has been sent and those it has not.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Events in order, numbered from 1. What was sent is kept up to a bound, for a client whose connection broke before it
/// had it; what was not sent is never dropped, and no more of it is asked for above the same bound.
public struct EventRing {
    private var entries = CircularBuffer<ByteBuffer>()
    /// The number of the first entry.
    private var first = 1
    /// The number of the latest event that was sent.
    private var sent = 0
    private var byteCount = 0
    private var unsentBytes = 0
    private let limit: Int

    public init(limit: Int) { self.limit = limit }

    /// The number of the next event.
    public var next: Int { first + entries.count }
    /// The number of the latest event.
    public var last: Int { next - 1 }

    public var isAllSent: Bool { sent == last }

    /// Whether more is to be asked for.
    public var hasRoom: Bool { unsentBytes < limit }

    public mutating func append(_ event: ByteBuffer) {
        entries.append(event)
        byteCount += event.readableBytes
        unsentBytes += event.readableBytes
    }

    /// The next event that was not sent, which counts as sent from now on.
    public mutating func send() -> ByteBuffer? {
        guard sent < last else { return nil }
        let event = entries[entries.index(entries.startIndex, offsetBy: sent + 1 - first)]
        sent += 1
        unsentBytes -= event.readableBytes
        while byteCount - unsentBytes > limit, first <= sent, let old = entries.popFirst() {
            byteCount -= old.readableBytes
            first += 1
        }
        return event
    }

    /// A client has come back that has had everything up to `number`.
    /// - Returns: how many events it has missed for good; nil: it cannot have had that one.
    public mutating func resume(after number: Int) -> Int? {
        guard 0...last ~= number else { return nil }
        let lost = max(0, first - 1 - number)
        sent = max(number, first - 1)
        let skipped = sent + 1 - first
        unsentBytes = entries.dropFirst(skipped).reduce(0) { $0 + $1.readableBytes }
        return lost
    }
}
