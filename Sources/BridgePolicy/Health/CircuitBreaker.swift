// rtbridge: what a back-end has at a time, over all workers.
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Counts against ``BreakerLimits``. The only thing that workers share about a back-end, and only where the
/// configuration has limits: one atomic addition as something begins, and one as it ends.
public final class CircuitBreaker: Sendable {
    public enum Resource: Sendable { case connection, pendingRequest, request }

    private let limits: BreakerLimits
    private let connections = Atomic<Int>(0)
    private let pendingRequests = Atomic<Int>(0)
    private let requests = Atomic<Int>(0)

    public init(_ limits: BreakerLimits) { self.limits = limits }

    /// - Returns: nil if there was room, which is then taken; else what is full, with the key that says so.
    public func enter(_ resource: Resource) -> String? {
        switch resource {
        case .connection:
            guard !Self.take(connections, limits.maxConnections) else { return nil }
            return "\(limits.maxConnections) connections are open (circuitBreaker.maxConnections)"
        case .pendingRequest:
            guard !Self.take(pendingRequests, limits.maxPendingRequests) else { return nil }
            return "\(limits.maxPendingRequests) wait for a connection (circuitBreaker.maxPendingRequests)"
        case .request:
            guard !Self.take(requests, limits.maxRequests) else { return nil }
            return "\(limits.maxRequests) calls are under way (circuitBreaker.maxRequests)"
        }
    }

    /// Whether ``enter(_:)`` would be let in now.
    public func hasRoom(_ resource: Resource) -> Bool {
        switch resource {
        case .connection: connections.load(ordering: .relaxed) < limits.maxConnections
        case .pendingRequest: pendingRequests.load(ordering: .relaxed) < limits.maxPendingRequests
        case .request: requests.load(ordering: .relaxed) < limits.maxRequests
        }
    }

    public func leave(_ resource: Resource) {
        let left =
            switch resource {
            case .connection: connections.subtract(1, ordering: .relaxed).newValue
            case .pendingRequest: pendingRequests.subtract(1, ordering: .relaxed).newValue
            case .request: requests.subtract(1, ordering: .relaxed).newValue
            }
        precondition(left >= 0, "CircuitBreaker.leave: no \(resource) has entered")
    }

    private static func take(_ count: borrowing Atomic<Int>, _ limit: Int) -> Bool {
        if count.add(1, ordering: .relaxed).newValue <= limit { return true }
        count.subtract(1, ordering: .relaxed)
        return false
    }
}
