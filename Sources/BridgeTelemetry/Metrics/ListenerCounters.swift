// rtbridge: what one worker counts of a listener.
// SPDX-License-Identifier: Apache-2.0

/// Belongs to its worker's event loop.
public final class ListenerCounters {
    private var accepted = 0
    private var refused = 0
    /// By the key in the configuration.
    private var timeouts: [String: Int] = [:]
    /// By the reason.
    private var droppedDatagrams: [String: Int] = [:]

    init() {}

    public func accept() { accepted += 1 }
    public func refuse() { refused += 1 }
    public func dropDatagram(_ reason: String) { droppedDatagrams[reason, default: 0] += 1 }
    public func timedOut(_ timeout: String) { timeouts[timeout, default: 0] += 1 }

    func read(into samples: inout MetricSamples, listener: String) {
        let label = [MetricLabel("listener", listener)]
        samples.add(.connections, label, accepted)
        samples.add(.refusedConnections, label, refused)
        for (key, count) in timeouts { samples.add(.listenerTimeouts, label + [MetricLabel("timeout", key)], count) }
        for (reason, count) in droppedDatagrams {
            samples.add(.droppedDatagrams, label + [MetricLabel("reason", reason)], count)
        }
    }
}

@available(*, unavailable)
extension ListenerCounters: Sendable {}
