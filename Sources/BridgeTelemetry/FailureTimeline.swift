// rtbridge: what was tried for a session, and what came of it.
// SPDX-License-Identifier: Apache-2.0

/// The latest attempts to reach a session's back-end: when, where, how far, with what result. Bounded.
public struct FailureTimeline: Sendable {
    public struct Entry: Sendable, Equatable {
        /// Since the session began.
        public var at: Duration
        public var address: String
        /// How far it came: "connect", "body".
        public var phase: String
        /// "connection refused", or "connected".
        public var result: String

        public init(at: Duration, address: String, phase: String, result: String) {
            self.at = at
            self.address = address
            self.phase = phase
            self.result = result
        }
    }

    public static let capacity = 16

    /// The oldest first.
    public private(set) var entries: [Entry] = []
    /// Entries that are no longer kept.
    public private(set) var forgotten = 0

    public init() {}

    public mutating func add(_ entry: Entry) {
        if entries.count == Self.capacity {
            entries.removeFirst()
            forgotten += 1
        }
        entries.append(entry)
    }

    /// "+0 ms 10.0.0.11:9001: connect: connection refused; +262 ms …"
    public var text: String {
        let shown = entries.map { "+\(Int($0.at / .milliseconds(1))) ms \($0.address): \($0.phase): \($0.result)" }
        let earlier = forgotten > 0 ? ["\(forgotten) earlier"] : []
        return (earlier + shown).joined(separator: "; ")
    }
}
