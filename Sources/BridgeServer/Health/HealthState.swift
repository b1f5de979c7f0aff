// rtbridge: whether the bridge lives, and whether it is ready.
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// What the health endpoints know, over all workers.
///
/// Ready means: the listeners are bound, the configuration is applied, no drain has begun, and the back-ends that
/// `health.requireBackends` names can be reached.
public final class HealthState: Sendable {
    private struct State: Equatable {
        var isListening = false
        var isDraining = false
        /// Why each required back-end cannot be reached; nil where it was not asked yet.
        var backends: [String: String?]
    }

    private let state: Mutex<State>
    private let observers = Mutex<[@Sendable () -> Void]>([])

    init(requiredBackends: [String]) {
        let backends = Dictionary(requiredBackends.map { ($0, String?("not asked yet")) }) { first, _ in first }
        state = Mutex(State(backends: backends))
    }

    func listening() { change { $0.isListening = true } }
    func draining() { change { $0.isDraining = true } }

    /// - Parameter reason: why the back-end cannot be reached, or nil if it can.
    func backendProbed(_ name: String, _ reason: String?) { change { $0.backends[name] = .some(reason) } }

    /// Has `observer` called after each change, on whatever thread makes it.
    func onChange(_ observer: @escaping @Sendable () -> Void) { observers.withLock { $0.append(observer) } }

    private func change(_ body: (inout State) -> Void) {
        let hasChanged = state.withLock { state in
            let before = state
            body(&state)
            return state != before
        }
        guard hasChanged else { return }
        for observer in observers.withLock({ $0 }) { observer() }
    }

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

    var isDraining: Bool { state.withLock { $0.isDraining } }

    /// Whether calls to a back-end can be served, as far as is known.
    func isServing(backend: String) -> Bool {
        state.withLock { $0.isListening && !$0.isDraining && ($0.backends[backend] ?? nil) == nil }
    }
}
