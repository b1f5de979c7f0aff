// rtbridge: the limits of a circuit breaker.
// SPDX-License-Identifier: Apache-2.0

/// What a back-end may have at a time, in the whole process.
public struct BreakerLimits: Sendable, Equatable {
    public var maxConnections = 1024
    /// Calls or sessions that wait for a connection.
    public var maxPendingRequests = 1024
    /// gRPC calls, waiting ones included.
    public var maxRequests = 1024

    public init() {}
}
