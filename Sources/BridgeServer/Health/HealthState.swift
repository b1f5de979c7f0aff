// rtbridge: whether the bridge lives, and whether it is ready.
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// What the health endpoints know, over all workers.
///
/// Ready means: the listeners are bound, the configuration is applied, no drain has begun, and the back-ends that
/// `health.requireBackends` names can be reached.
public final class HealthState: Sendable {
    private struct State {
        var isListening = false
        var isDraining = false
        /// Why each required back-end cannot be reached; nil where it was not asked yet.
        var backends: [String: String?]
    }

    private let state: Mutex<State>

    init(requiredBackends: [String]) {
        let backends = Dictionary(requiredBackends.map { ($0, String?("not asked yet")) }) { first, _ in first }
        state = Mutex(State(backends: backends))
    }

    func listening() { state.withLock { $0.isListening = true } }
    func draining() { state.withLock { $0.isDraining = true } }

    /// - Parameter reason: why the back-end cannot be reached, or nil if it can.
    func backendProbed(_ name: String, _ reason: String?) { state.withLock { $0.backends[name] = .some(reason) } }

    /// Everything that keeps the bridge from being ready; empty if it is.
    public var reasons: [String] {
        state.withLock { state in
            var reasons: [String] = []
            if !state.isListening { reasons.append("the listeners are not bound yet") }
            if state.isDraining { reasons.append("draining") }
            for (name, reason) in state.backends.sorted(by: { $0.key < $1.key }) {
                if let reason { reasons.append("back-end \(name): \(reason)") }
            }
            return reasons
        }
    }

    /// Whether calls to a back-end can be served, as far as is known.
    func isServing(backend: String) -> Bool {
        state.withLock { $0.isListening && !$0.isDraining && ($0.backends[backend] ?? nil) == nil }
    }
}
