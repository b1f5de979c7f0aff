// rtbridge: what one worker counts of an endpoint.
// SPDX-License-Identifier: Apache-2.0

/// Belongs to its worker's event loop.
public final class EndpointCounters {
    private var connects = 0
    /// By the kind of the failure.
    private var failures: [String: Int] = [:]
    private var ejections = 0
    /// By the state that came of it.
    private var healthChanges: [String: Int] = [:]
    private var isUnhealthy = false

    init() {}

    public func connected() { connects += 1 }
    public func failedToConnect(_ kind: String) { failures[kind, default: 0] += 1 }
    public func ejected() { ejections += 1 }

    public func healthChanged(_ state: String, isUnhealthy: Bool) {
        healthChanges[state, default: 0] += 1
        self.isUnhealthy = isUnhealthy
    }

    func read(into samples: inout MetricSamples, backend: String, endpoint: String) {
        let labels = [MetricLabel("backend", backend), MetricLabel("endpoint", endpoint)]
        samples.add(.connects, labels + [MetricLabel("outcome", "ok")], connects)
        for (kind, count) in failures { samples.add(.connects, labels + [MetricLabel("outcome", kind)], count) }
        samples.add(.ejections, labels, ejections)
        for (state, count) in healthChanges {
            samples.add(.healthChanges, labels + [MetricLabel("state", state)], count)
        }
        if !healthChanges.isEmpty { samples.add(.unhealthyWorkers, labels, isUnhealthy ? 1 : 0) }
    }
}

@available(*, unavailable)
extension EndpointCounters: Sendable {}
