// rtbridge: what one worker counts of a route.
// SPDX-License-Identifier: Apache-2.0

/// Belongs to its worker's event loop: counting is an addition, and nobody is waited for.
public final class RouteCounters {
    /// Calls and sessions that the route has taken, and those of them that are over.
    private var begun = 0
    private var ended = 0
    /// Of those that are over, by the kind of their failure; there are as many as there are kinds.
    private var failures: [String: Int] = [:]
    /// Which time-out ended them, by its key in the configuration.
    private var timeouts: [String: Int] = [:]
    private var bytesIn = 0
    private var bytesOut = 0
    private var dropped = 0
    private var retries = 0
    private var transparentRetries = 0
    /// Failed attempts that were not followed by another one, by the reason.
    private var retriesRefused: [String: Int] = [:]
    private var losses = 0
    private var redials = 0
    private var reconnects = 0

    public init() {}

    public func begin() { begun += 1 }

    public func end(bytesIn: Int, bytesOut: Int, dropped: Int) {
        ended += 1
        self.bytesIn += bytesIn
        self.bytesOut += bytesOut
        self.dropped += dropped
    }

    /// Why a call or session ended; beside ``end(bytesIn:bytesOut:dropped:)``.
    public func fail(_ kind: String, timeout: String?) {
        failures[kind, default: 0] += 1
        if let timeout { timeouts[timeout, default: 0] += 1 }
    }

    /// A time-out that ended no call.
    public func timedOut(_ timeout: String) { timeouts[timeout, default: 0] += 1 }

    public func retried() { retries += 1 }
    public func retriedTransparently() { transparentRetries += 1 }
    public func retryRefused(_ reason: String) { retriesRefused[reason, default: 0] += 1 }

    /// A session's back-end was there, and is lost.
    public func lostBack() { losses += 1 }
    public func redialled() { redials += 1 }
    public func reconnected() { reconnects += 1 }

    func read(into samples: inout MetricSamples, route: String) {
        let label = [MetricLabel("route", route)]
        samples.add(.active, label, begun - ended)
        samples.add(.requests, label + [MetricLabel("outcome", "ok")], ended - failures.values.reduce(0, +))
        for (kind, count) in failures { samples.add(.requests, label + [MetricLabel("outcome", kind)], count) }
        for (key, count) in timeouts { samples.add(.timeouts, label + [MetricLabel("timeout", key)], count) }
        samples.add(.receivedBytes, label, bytesIn)
        samples.add(.sentBytes, label, bytesOut)
        samples.add(.droppedMessages, label, dropped)
        samples.add(.retries, label, retries)
        samples.add(.transparentRetries, label, transparentRetries)
        for (reason, count) in retriesRefused {
            samples.add(.retriesRefused, label + [MetricLabel("reason", reason)], count)
        }
        samples.add(.losses, label, losses)
        samples.add(.redials, label, redials)
        samples.add(.reconnects, label, reconnects)
    }
}

@available(*, unavailable)
extension RouteCounters: Sendable {}
