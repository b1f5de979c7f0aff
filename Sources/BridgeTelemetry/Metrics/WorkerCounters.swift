// rtbridge: all that one worker counts.
// SPDX-License-Identifier: Apache-2.0

import BridgePolicy

/// Plain numbers that belong to one event loop: no lock, no atomic operation. Who wants to know asks each worker on its
/// own loop and adds up. What is counted by name is as much as the configuration names, and
/// ``BackCounters/maximumEndpoints`` a back-end.
public final class WorkerCounters {
    private var routes: [String: RouteCounters] = [:]
    private var backends: [String: BackCounters] = [:]
    private var listeners: [String: ListenerCounters] = [:]

    private let held: ByteBudget?

    /// - Parameter held: the worker's, whose numbers are shown too.
    public init(held: ByteBudget? = nil) { self.held = held }

    /// The counters of this name; made where there are none. For the configuration's names alone.
    public func route(_ name: String) -> RouteCounters { Self.get(&routes, name, RouteCounters()) }
    public func backend(_ name: String) -> BackCounters { Self.get(&backends, name, BackCounters()) }
    public func listener(_ name: String) -> ListenerCounters { Self.get(&listeners, name, ListenerCounters()) }

    private static func get<Counters>(
        _ all: inout [String: Counters], _ name: String, _ new: @autoclosure () -> Counters
    ) -> Counters {
        if let known = all[name] { return known }
        let made = new()
        all[name] = made
        return made
    }

    /// What has been counted up to now.
    public var samples: MetricSamples {
        var samples = MetricSamples()
        for (name, counters) in routes { counters.read(into: &samples, route: name) }
        for (name, counters) in backends { counters.read(into: &samples, backend: name) }
        for (name, counters) in listeners { counters.read(into: &samples, listener: name) }
        samples.add(.workers, [], 1)
        if let held {
            samples.add(.heldBytes, [], held.used)
            samples.add(.heldRefused, [], held.refused)
        }
        return samples
    }
}

@available(*, unavailable)
extension WorkerCounters: Sendable {}
