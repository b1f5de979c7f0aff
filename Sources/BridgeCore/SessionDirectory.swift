// rtbridge: sessions that clients come back to by their name.
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Synchronization

/// Where sessions are that outlive a client's connection: its next one may be another worker's. Shared by all workers, and
/// asked only as a request comes in that names a session.
public final class SessionDirectory: Sendable {
    public struct Entry: Sendable {
        public let route: String
        /// Belongs to its worker's event loop.
        public let session: NIOLoopBound<AnyObject>

        /// - Parameter session: created on the loop that it belongs to.
        public init(route: String, session: NIOLoopBound<AnyObject>) {
            self.route = route
            self.session = session
        }
    }

    private struct Table {
        var entries: [String: Entry] = [:]
        var counts: [String: Int] = [:]
    }

    private let table = Mutex(Table())

    public init() {}

    /// - Parameter limit: how many sessions the route may have.
    /// - Returns: whether there was room.
    public func enter(_ name: String, _ entry: Entry, limit: Int) -> Bool {
        table.withLock { table in
            guard table.counts[entry.route, default: 0] < limit else { return false }
            table.entries[name] = entry
            table.counts[entry.route, default: 0] += 1
            return true
        }
    }

    public func find(_ name: String, route: String) -> Entry? {
        table.withLock { $0.entries[name] }.flatMap { $0.route == route ? $0 : nil }
    }

    public func leave(_ name: String) {
        table.withLock { table in
            guard let entry = table.entries.removeValue(forKey: name) else { return }
            table.counts[entry.route, default: 1] -= 1
            if table.counts[entry.route] == 0 { table.counts[entry.route] = nil }
        }
    }

    public var count: Int { table.withLock { $0.entries.count } }
}
