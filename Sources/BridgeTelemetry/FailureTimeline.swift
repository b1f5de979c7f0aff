// rtbridge: what was tried for a session, and what came of it.
// SPDX-License-Identifier: Apache-2.0

/// The latest attempts to reach a session's back-end: when, where, how far, with what result. Bounded.
public struct FailureTimeline: Sendable {
    public struct Entry: Sendable, Equatable {
        /// Since the call or session began; less than 0 where the step was another's before (a shared connection).
        public var at: Duration
        /// How long the step took, where that is known.
        public var took: Duration?
        public var address: String
        /// What was done: "resolve", "connect", "TLS", "HTTP/2", "headers", "body".
        public var phase: String
        /// "connection refused", or "connected".
        public var result: String

        public init(at: Duration, took: Duration? = nil, address: String, phase: String, result: String) {
            self.at = at
            self.took = took
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

    /// "+0 ms 10.0.0.11:9001: connect: connection refused (3 ms); +262 ms …"
    public var text: String {
        let shown = entries.map { entry in
            let at = Int(entry.at / .milliseconds(1))
            let took = entry.took.map { " (\(Int($0 / .milliseconds(1))) ms)" } ?? ""
            return "\(at < 0 ? "" : "+")\(at) ms \(entry.address): \(entry.phase): \(entry.result)\(took)"
        }
        let earlier = forgotten > 0 ? ["\(forgotten) earlier"] : []
        return (earlier + shown).joined(separator: "; ")
    }
}
