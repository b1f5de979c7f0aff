// rtbridge: grpc.health.v1, answered by the bridge itself.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire
import NIOCore

/// A back-end without a network: `grpc.health.v1.Health` (gRPC health-checking.md). It knows the empty service name,
/// which stands for the bridge, and the names of routes.
final class HealthConnector: BackConnector {
    private let state: HealthState
    /// The back-end of each route.
    private let backends: [String: String]
    /// The calls of `Watch` that are under way.
    private var watching: [ObjectIdentifier: HealthLeg] = [:]

    init(state: HealthState, backends: [String: String], worker: Worker) {
        self.state = state
        self.backends = backends
        let reference = NIOLoopBound(Reference(self), eventLoop: worker.eventLoop)
        state.onChange { reference.eventLoop.execute { reference.value.connector?.changed() } }
    }

    func makeLeg() -> any BackLeg { HealthLeg(self) }
    func probe(_ done: @escaping (Failure?) -> Void) { done(nil) }
    func shutdown() {}

    /// - Returns: ``HealthMessage/Status/serviceUnknown`` if there is no service of that name.
    func status(_ service: String) -> HealthMessage.Status {
        guard !service.isEmpty else { return state.reasons.isEmpty ? .serving : .notServing }
        guard let backend = backends[service] else { return .serviceUnknown }
        return state.isServing(backend: backend) ? .serving : .notServing
    }

    var isDraining: Bool { state.isDraining }

    func watch(_ leg: HealthLeg) { watching[ObjectIdentifier(leg)] = leg }
    func watchNoMore(_ leg: HealthLeg) { watching[ObjectIdentifier(leg)] = nil }

    /// The state outlives the workers.
    private final class Reference {
        weak var connector: HealthConnector?
        init(_ connector: HealthConnector) { self.connector = connector }
    }

    private func changed() { for leg in watching.values { leg.stateChanged() } }
}

@available(*, unavailable)
extension HealthConnector: Sendable {}
