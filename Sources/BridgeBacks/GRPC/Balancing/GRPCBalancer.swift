// rtbridge: a gRPC back-end with several endpoints, or with options that look at each.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgePolicy
import HTTP2Session
import NIOCore

/// Chooses the endpoint of each call, and has a ``GRPCConnector`` for each endpoint.
///
/// A call that finds its endpoint without a connection goes to another one that has one, while the first is dialled
/// (not with `hash`, whose calls belong where they belong). Where none has one it waits; if its endpoint cannot be
/// reached, or takes longer than ``attemptDelay``, the next one is tried as well.
public final class GRPCBalancer: GRPCBackEnd {
    /// RFC 8305 §5: "A recommended value for a default delay is 250 milliseconds."
    static let attemptDelay = TimeAmount.milliseconds(250)

    let endpoints: EndpointSet
    let breaker: CircuitBreaker?
    private let tls: BackTLS?
    var retryBudget = RetryBudget()
    private var checks: HealthChecks?
    /// Calls that wait for a connection, in the order of their coming.
    private var waiting: [GRPCBackLeg] = []
    private var delayTimer: WheelTimer?
    private let buffers = HTTP2Buffers()

    /// - Parameter breaker: shared by all workers; nil is no limits.
    /// - Parameter tls: likewise; nil: in clear text.
    public init(backend: Backend, worker: Worker, breaker: CircuitBreaker?, tls: BackTLS? = nil) {
        self.breaker = breaker
        self.tls = tls
        endpoints = EndpointSet(backend, worker)
        endpoints.onRemoved = { [unowned self] in removed($0) }
        checks = HealthChecks.begin(endpoints, tls?.checks) { [unowned self] in GRPCHealthProbe(pool($0), $1, $2) }
    }

    var worker: Worker { endpoints.worker }

    public func makeLeg() -> any BackLeg { makeCall(isAttempt: false) }

    func makeCall(isAttempt: Bool) -> GRPCBackLeg { GRPCBackLeg(balancer: self, isAttempt: isAttempt) }

    public func probe(_ done: @escaping (Failure?) -> Void) {
        if let failure = endpoints.healthFailure { return done(failure) }
        endpoints.whenResolved { [self] failure in
            guard failure == nil, let endpoint = endpoints.pick(key: nil, isCandidate: isPreferred) ?? anyEndpoint()
            else { return done(failure) }
            pool(endpoint).probe(done)
        }
    }

    public func shutdown() {
        checks?.stop()
        endpoints.shutdown()
        delayTimer?.cancel()
        for endpoint in endpoints.endpoints { endpoint.pool?.shutdown() }
    }

    // MARK: Calls

    /// Finds an endpoint for the call, and a connection.
    func acquire(_ leg: GRPCBackLeg) {
        if let breaker, !leg.balancing.isRequest {
            if let full = breaker.enter(.request) {
                return leg.refuse(Failure(.overloaded, .bridge, .connect, full))
            }
            leg.balancing.isRequest = true
        }
        guard !endpoints.isCurrent else { return place(leg) }
        endpoints.whenResolved { [self] failure in
            guard leg.isWaiting else { return }
            if let failure { leg.refuse(failure) } else { place(leg) }
        }
    }

    private func place(_ leg: GRPCBackLeg) {
        // Its end may have come of another one's that was placed before it.
        guard leg.isWaiting else { return }
        guard endpoints.endpoints.count > 1 else { return put(leg, on: endpoints.endpoints[0]) }
        let key = endpoints.isHashed ? leg.caller.flatMap { endpoints.key($0.request, client: $0.client) } : nil
        let isUntried = { (endpoint: Endpoint) in !leg.balancing.tried.contains { $0 === endpoint } }
        guard
            var endpoint = endpoints.pick(key: key, isCandidate: { isUntried($0) && self.isPreferred($0) })
                ?? endpoints.pick(key: key, isCandidate: isUntried)
        else { return leg.refuse(leg.balancing.lastFailure ?? noEndpoint) }
        if !pool(endpoint).hasReady, !endpoints.isHashed {
            let chosen = endpoint
            if let ready = endpoints.pick(key: key, isCandidate: { self.pool($0).hasReady }) {
                pool(chosen).warmUp()
                endpoint = ready
            }
        }
        // A call that waits for an endpoint's backoff waits for no other one's after it.
        if pool(endpoint).isInBackoff { leg.balancing.tried += endpoints.endpoints }
        leg.balancing.tried.append(endpoint)
        put(leg, on: endpoint)
    }

    private func put(_ leg: GRPCBackLeg, on endpoint: Endpoint) {
        leg.balancing.endpoint?.load -= 1
        leg.balancing.endpoint = endpoint
        endpoint.load += 1
        leg.assign(pool(endpoint))
    }

    /// The call's endpoint cannot be reached.
    /// - Returns: false if the call is to be told so.
    func tryNext(_ leg: GRPCBackLeg, _ failure: Failure) -> Bool {
        if failure.origin == .back { leg.balancing.endpoint.map { endpoints.failed($0, failure.reason) } }
        leg.balancing.lastFailure = failure
        guard endpoints.endpoints.contains(where: { $0 !== leg.balancing.endpoint }) else { return false }
        let isLeft = endpoints.pick(key: nil) { endpoint in
            !leg.balancing.tried.contains { $0 === endpoint } && isPreferred(endpoint)
        }
        guard isLeft != nil else { return false }
        place(leg)
        return true
    }

    func ended(_ leg: GRPCBackLeg, _ outcome: GRPCOutcome) {
        if leg.balancing.isRequest {
            leg.balancing.isRequest = false
            breaker?.leave(.request)
        }
        guard let endpoint = leg.balancing.endpoint else { return }
        leg.balancing.endpoint = nil
        endpoint.load -= 1
        switch outcome {
        case .succeeded: endpoints.succeeded(endpoint)
        // What was told by ``tryNext(_:_:)`` was counted there.
        case .failed where leg.balancing.lastFailure == nil:
            endpoints.failed(endpoint, "calls failed")
        case .failed, .given: break
        }
    }

    /// A call has to wait: its endpoint has no connection with room.
    /// - Returns: what is full, where it may not.
    func willWait(_ leg: GRPCBackLeg) -> String? {
        // A health check waits outside of all limits.
        guard leg.balancing != nil else { return nil }
        if let full = breaker?.enter(.pendingRequest) { return full }
        leg.balancing.isPending = breaker != nil
        waiting.append(leg)
        if delayTimer == nil, endpoints.endpoints.count > 1 {
            delayTimer = worker.timers.schedule(at: worker.now + Self.attemptDelay, self)
        }
        return nil
    }

    /// A call that waited does so no more.
    func waitsNoMore(_ leg: GRPCBackLeg) {
        guard let index = waiting.firstIndex(where: { $0 === leg }) else { return }
        waiting.remove(at: index)
        if leg.balancing.isPending { breaker?.leave(.pendingRequest) }
        leg.balancing.isPending = false
    }

    /// A connection to one endpoint is there: calls that wait for another one may take it.
    func connectionReady() {
        guard !waiting.isEmpty, !endpoints.isHashed else { return }
        for leg in waiting where isWaitingForFirstConnection(leg) {
            guard endpoints.pick(key: nil, isCandidate: { self.pool($0).hasReady }) != nil else { return }
            leg.balancing.tried = []
            leg.withdraw()
            place(leg)
        }
    }

    private func isWaitingForFirstConnection(_ leg: GRPCBackLeg) -> Bool {
        leg.balancing.endpoint?.pool?.connections.isEmpty ?? false
    }

    // MARK: Endpoints

    private var noEndpoint: Failure {
        Failure(
            .connectFailed, .back, .connect, "no endpoint is left to be tried", address: endpoints.endpoints.first?.text
        )
    }

    private func anyEndpoint() -> Endpoint? { endpoints.pick(key: nil) }

    /// Whether an endpoint has a connection, or may be dialled now.
    private func isPreferred(_ endpoint: Endpoint) -> Bool { !pool(endpoint).isInBackoff }

    private func pool(_ endpoint: Endpoint) -> GRPCConnector {
        if let known = endpoint.pool { return known }
        var backend = endpoints.backend
        backend.endpoints = [endpoint.address]
        let made = GRPCConnector(
            backend, worker, balancer: self, buffers: buffers, tls: tls?.connections, host: endpoint.host)
        endpoint.pool = made
        return made
    }

    private func removed(_ gone: [Endpoint]) {
        checks?.remove(gone)
        for endpoint in gone {
            endpoint.pool?.shutdown()
            endpoint.pool = nil
        }
    }
}

extension GRPCBalancer: WheelTimerTarget {
    /// Calls that have waited for a first connection try the next endpoint as well, whose dialling goes on beside.
    public func timerFired(_ timer: WheelTimer) {
        delayTimer = nil
        for leg in waiting where isWaitingForFirstConnection(leg) {
            let untried = endpoints.pick(key: nil) { endpoint in
                !leg.balancing.tried.contains { $0 === endpoint } && isPreferred(endpoint)
            }
            guard untried != nil else { continue }
            leg.withdraw()
            place(leg)
        }
        guard delayTimer == nil, !waiting.isEmpty else { return }
        delayTimer = worker.timers.schedule(at: worker.now + Self.attemptDelay, self)
    }
}

@available(*, unavailable)
extension GRPCBalancer: Sendable {}
