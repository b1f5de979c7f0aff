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
            if maximum > 0, counts.total >= maximum { return "\(maximum) sessions are open (udp.maxSessions)" }
            let own = counts.byClient[client, default: 0]
            if maximumPerClient > 0, own >= maximumPerClient {
                return "\(maximumPerClient) sessions of this client are open (udp.maxSessionsPerClient)"
            }
            counts.total += 1
            counts.byClient[client] = own + 1
            return nil
        }
    }

    public func leave(_ client: String) {
        counts.withLock { counts in
            counts.total -= 1
            guard let own = counts.byClient[client] else { return }
            counts.byClient[client] = own > 1 ? own - 1 : nil
        }
    }
}
