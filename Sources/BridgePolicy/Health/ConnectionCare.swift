// rtbridge: when a connection is pinged, closed for want of use, or given up.
// SPDX-License-Identifier: Apache-2.0

/// What is to be done with a connection that calls share, now and then (gRPC keepalive.md). Times are given by the
/// caller, from any zero that does not move.
///
/// - Without calls no PING is sent: servers count those as strikes. After `idle` the connection is closed.
/// - With calls, and nothing received for `interval`, one PING is sent. What is received after it, whatever it is,
///   shows that the connection lives; with nothing for `timeout` it is given up.
public struct ConnectionCare: Sendable {
    public enum OnTick: Sendable, Equatable {
        case ping, closeIdle, giveUp
        /// Nothing yet; nil: nothing at all as things stand.
        case wait(until: Duration?)
    }

    private let interval: Duration?
    private let timeout: Duration
    private let idle: Duration?
    private var lastReceived: Duration
    private var idleSince: Duration?
    private var pingedAt: Duration?

    /// - Parameter now: the connection is ready, and has no calls.
    public init(interval: Duration?, timeout: Duration, idle: Duration?, now: Duration) {
        self.interval = interval
        self.timeout = timeout
        self.idle = idle
        lastReceived = now
        idleSince = now
    }

    /// When something was received for the last time; may be told late, before a tick.
    public mutating func received(at time: Duration) { lastReceived = max(lastReceived, time) }

    /// Whether there are calls, and since when that is so; may be told late, before a tick.
    public mutating func calls(_ any: Bool, since time: Duration) {
        if !any || idleSince != nil { pingedAt = nil }
        idleSince = any ? nil : time
        // Silence counts from the call on: before it nothing was to be expected.
        if any { lastReceived = max(lastReceived, time) }
    }

    public mutating func tick(now: Duration) -> OnTick {
        if let idleSince {
            guard let idle else { return .wait(until: nil) }
            return now - idleSince >= idle ? .closeIdle : .wait(until: idleSince + idle)
        }
        guard let interval else { return .wait(until: nil) }
        if let sent = pingedAt {
            guard lastReceived <= sent else {
                pingedAt = nil
                return tick(now: now)
            }
            return now - sent >= timeout ? .giveUp : .wait(until: sent + timeout)
        }
        guard now - lastReceived >= interval else { return .wait(until: lastReceived + interval) }
        pingedAt = now
        return .ping
    }
}
