// rtbridge: a back-end's endpoints, and which one is next.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgePolicy
import BridgeTelemetry
import NIOCore

/// The endpoints of one back-end on one worker. An endpoint is usable while its health checks say so and its failures
/// have not put it out; if none is usable, all are: a check that is wrong must not take a service down.
final class EndpointSet {
    let backend: Backend
    let worker: Worker
    private(set) var endpoints: [Endpoint]
    private var balancing: Balancing
    private var outliers: OutlierDetector?
    private lazy var names = NameRefresh(self)
    /// Called with the endpoints that a name does not stand for any more.
    var onRemoved: ([Endpoint]) -> Void = { _ in }
    var onAdded: ([Endpoint]) -> Void = { _ in }

    init(_ backend: Backend, _ worker: Worker) {
        self.backend = backend
        self.worker = worker
        endpoints = NameRefresh.literals(backend.endpoints).map { Endpoint($0, backend.healthCheck) }
        let policy: Balancing.Policy =
            switch backend.loadBalancing {
            case .roundRobin: .roundRobin
            case .leastRequest: .leastRequest
            case .random: .random
            case .hash: .hash
            }
        balancing = Balancing(policy, names: endpoints.map(\.text), start: worker.index)
        outliers = backend.outlierDetection.map { OutlierDetector($0, count: endpoints.count) }
        number()
    }

    var isHashed: Bool { balancing.policy == .hash }
    /// Whether the policy looks at what endpoints have to do.
    var countsLoad: Bool { balancing.policy == .leastRequest }

    /// Calls `done` once there are endpoints: at once where all are addresses, else after names were resolved. Names
    /// are resolved again, behind what goes on, when they were last resolved longer than `dnsRefresh` ago.
    func whenResolved(_ done: @escaping (Failure?) -> Void) { names.whenResolved(done) }

    /// When and how fast the names were resolved last, and to how many addresses; nil where there are no names.
    var lastResolution: (began: NIODeadline, took: TimeAmount, count: Int)? {
        names.lastResolution.map { ($0.began, $0.took, endpoints.count) }
    }

    /// Whether nothing has to be resolved now.
    var isCurrent: Bool { names.isCurrent }

    /// The next endpoint by the policy.
    /// - Parameter key: see ``key(_:client:)``.
    /// - Parameter isCandidate: whether the caller can do with it.
    /// - Returns: nil if the caller can do with none that is usable.
    func pick(key: UInt64?, isCandidate: (Endpoint) -> Bool = { _ in true }) -> Endpoint? {
        let now = time
        let anyUsable = endpoints.contains { isUsable($0, now) }
        let (endpoints, outliers) = (endpoints, outliers)
        let picked = balancing.pick(
            key: key, using: &worker.random, load: { endpoints[$0].load },
            isUsable: { index in
                let endpoint = endpoints[index]
                let isIn = !anyUsable || endpoint.health.isUsable && outliers?.isOut(index, now: now) != true
                return isIn && isCandidate(endpoint)
            })
        return picked.map { endpoints[$0] }
    }

    private var time: Duration { .nanoseconds(Int64(clamping: worker.now.uptimeNanoseconds)) }

    private func isUsable(_ endpoint: Endpoint, _ now: Duration) -> Bool {
        endpoint.health.isUsable && outliers?.isOut(endpoint.index, now: now) != true
    }

    /// Why the back-end as a whole cannot be used, as far as health checks show.
    var healthFailure: Failure? {
        guard backend.healthCheck != nil, !endpoints.isEmpty else { return nil }
        guard endpoints.allSatisfy({ !$0.health.isUsable }), let first = endpoints.first else { return nil }
        let reason = "health check: " + (first.healthFailure ?? "failed")
        return Failure(.connectFailed, .back, .connect, reason, address: first.text)
    }

    // MARK: What comes of them

    func succeeded(_ endpoint: Endpoint) {
        guard isIn(endpoint) else { return }
        outliers?.succeeded(endpoint.index)
    }

    private func counters(_ endpoint: Endpoint) -> EndpointCounters {
        worker.counters.backend(backend.name).endpoint(endpoint.text)
    }

    func failed(_ endpoint: Endpoint, _ reason: String) {
        guard isIn(endpoint), let time = outliers?.failed(endpoint.index, now: time) else { return }
        counters(endpoint).ejected()
        worker.logger.info(
            "endpoint left out: failures in a row (outlierDetection)",
            metadata: [
                "back.name": "\(backend.name)", "back.address": "\(endpoint.text)", "reason": "\(reason)",
                "delay": "\(time)",
            ])
    }

    func checked(_ endpoint: Endpoint, _ failure: String?) {
        endpoint.healthFailure = failure
        guard isIn(endpoint), endpoint.health.checked(isGood: failure == nil) else { return }
        counters(endpoint).healthChanged(endpoint.health.state.rawValue, isUnhealthy: !endpoint.health.isUsable)
        worker.logger.info(
            "endpoint is \(endpoint.health.state.rawValue) (healthCheck)",
            metadata: [
                "back.name": "\(backend.name)", "back.address": "\(endpoint.text)", "reason": "\(failure ?? "")",
            ])
    }

    func isIn(_ endpoint: Endpoint) -> Bool {
        endpoints.indices.contains(endpoint.index) && endpoints[endpoint.index] === endpoint
    }

    // MARK: Names

    /// Other addresses from now on; those that stay keep what is known of them.
    /// - Parameter hosts: the names that addresses stand for.
    func replace(_ addresses: [Address], hosts: [Address: String] = [:]) {
        guard !addresses.isEmpty, addresses != endpoints.map(\.address) else { return }
        let old = endpoints
        endpoints = addresses.map { address in
            old.first { $0.address == address }
                ?? Endpoint(address, host: hosts[address], backend.healthCheck)
        }
        outliers?.replace(kept: endpoints.map { endpoint in old.firstIndex { $0 === endpoint } })
        balancing.replace(names: endpoints.map(\.text))
        number()
        let added = endpoints.filter { endpoint in !old.contains { $0 === endpoint } }
        let removed = old.filter { !isIn($0) }
        // Nobody looks at its health any more.
        for endpoint in removed where !endpoint.health.isUsable {
            counters(endpoint).healthChanged("removed", isUnhealthy: false)
        }
        worker.logger.debug(
            "addresses resolved",
            metadata: ["back.name": "\(backend.name)", "count": "\(endpoints.count)"])
        if !added.isEmpty { onAdded(added) }
        if !removed.isEmpty { onRemoved(removed) }
    }

    private func number() {
        for (index, endpoint) in endpoints.enumerated() { endpoint.index = index }
    }

    func shutdown() { names.shutdown() }
}

@available(*, unavailable)
extension EndpointSet: Sendable {}
