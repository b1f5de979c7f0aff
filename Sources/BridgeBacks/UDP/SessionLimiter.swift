// rtbridge: how many sessions a route may have, in all and for one client.
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Counts a route's sessions over all workers. Asked when a session begins and when it ends, never in between.
public final class SessionLimiter: Sendable {
    private struct Counts {
        var total = 0
        var byClient: [String: Int] = [:]
    }

    private let maximum: Int
    private let maximumPerClient: Int
    private let counts = Mutex(Counts())

    /// - Parameter maximumPerClient: 0 is no limit.
    public init(maximum: Int, maximumPerClient: Int) {
        self.maximum = maximum
        self.maximumPerClient = maximumPerClient
    }

    /// - Returns: nil if there is room, which is then taken; else what is full.
    public func enter(_ client: String) -> String? {
        counts.withLock { counts in
            if let full = full(counts, client) { return full }
            counts.total += 1
            counts.byClient[client, default: 0] += 1
            return nil
        }
    }

    /// - Returns: what ``enter(_:)`` would say now.
    public func refusal(_ client: String) -> String? { counts.withLock { full($0, client) } }

    private func full(_ counts: Counts, _ client: String) -> String? {
        if maximum > 0, counts.total >= maximum { return "\(maximum) sessions are open (udp.maxSessions)" }
        guard maximumPerClient > 0, counts.byClient[client, default: 0] >= maximumPerClient else { return nil }
        return "\(maximumPerClient) sessions of this client are open (udp.maxSessionsPerClient)"
    }

    public func leave(_ client: String) {
        counts.withLock { counts in
            counts.total -= 1
            guard let own = counts.byClient[client] else { return }
            counts.byClient[client] = own > 1 ? own - 1 : nil
        }
    }
}
