// rtbridge: HTTP/1.1 back-ends: their endpoints, and the connections that are kept.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgePolicy
import NIOCore

/// Finds a connection for each request: one that waits at the endpoint which the policy chooses, or a new one. Requests do
/// not wait for each other; an endpoint that cannot be reached is followed by the next one.
///
/// A connection that began with a PROXY header speaks for one client (proxy-protocol.txt §2): it serves the requests of
/// that client's connection alone, and is closed with it.
public final class HTTPConnector: BackConnector {
    /// Connections of a worker that wait for a request, over all endpoints; further ones are closed after their answer.
    static let maximumIdle = 128

    private let dialer: Dialer
    private let endpoints: EndpointSet
    private let breaker: CircuitBreaker?
    private var checks: HealthChecks?
    private var idleCount = 0
    private var isShutDown = false

    /// - Parameter breaker: shared by all workers; nil is no limits.
    /// - Parameter tls: shared by all workers; nil: in clear text.
    public convenience init(backend: Backend, worker: Worker, breaker: CircuitBreaker? = nil, tls: BackTLS? = nil) {
        self.init(backend: backend, worker: worker, breaker: breaker, tls: tls, openChannel: nil)
    }

    package init(
        backend: Backend, worker: Worker, breaker: CircuitBreaker? = nil, tls: BackTLS? = nil,
        openChannel: ChannelOpener?
    ) {
        self.breaker = breaker
        dialer = Dialer(
            backend: backend, worker: worker, tls: tls?.connections, notes: tls.map { _ in TLSNotes() },
            openChannel: openChannel)
        endpoints = EndpointSet(backend, worker)
        checks = HealthChecks.begin(endpoints, tls?.checks)
        endpoints.onRemoved = { [unowned self] in removed($0) }
    }

    var worker: Worker { dialer.worker }

    public func makeLeg() -> any BackLeg { HTTPBackLeg(self) }

    public func probe(_ done: @escaping (Failure?) -> Void) {
        if let failure = endpoints.healthFailure { return done(failure) }
        endpoints.whenResolved { [self] failure in
            guard failure == nil, let endpoint = endpoints.pick(key: nil) else { return done(failure) }
            let probe = TCPProbe(dialer, done)
            dialer.connect(to: endpoint, nodelay: true, handler: probe) { result in
                switch result {
                case .success(let channel): probe.connected(channel, endpoint.text)
                case .failure(let failure): done(failure)
                }
            }
        }
    }

    public func shutdown() {
        isShutDown = true
        checks?.stop()
        endpoints.shutdown()
        for endpoint in endpoints.endpoints { closeIdle(of: endpoint) }
    }

    // MARK: Requests

    /// - Parameter mayReuse: false for a request that a kept connection has failed.
    func acquire(_ leg: HTTPBackLeg, mayReuse: Bool) {
        if let breaker, !leg.place.isRequest {
            if let full = breaker.enter(.request) { return leg.refused(Self.overloaded(full)) }
            leg.place.isRequest = true
        }
        guard !endpoints.isCurrent else { return put(leg, mayReuse) }
        endpoints.whenResolved { [self] failure in
            guard leg.isWaiting else { return }
            if let failure { leg.refused(failure) } else { put(leg, mayReuse) }
        }
    }

    private static func overloaded(_ full: String) -> Failure { Failure(.overloaded, .bridge, .connect, full) }

    private func put(_ leg: HTTPBackLeg, _ mayReuse: Bool) {
        let key = endpoints.isHashed ? leg.exchange.flatMap { endpoints.key($0.request, client: $0.client) } : nil
        let next = endpoints.pick(key: key) { endpoint in !leg.place.tried.contains { $0 === endpoint } }
        guard let next else {
            let none = Failure(.connectFailed, .back, .connect, "no endpoint is left to be tried")
            return leg.refused(leg.place.lastFailure ?? none)
        }
        leg.place.endpoint?.load -= 1
        leg.place.endpoint = next
        next.load += 1
        if mayReuse, let connection = takeIdle(of: next, for: leg) { return leg.assigned(connection) }
        dial(next, leg, mayReuse)
    }

    /// A request that may not be repeated is not tried on a connection whose end has come.
    private func takeIdle(of endpoint: Endpoint, for leg: HTTPBackLeg) -> HTTPBackConnection? {
        let owner = owner(of: leg)
        while let index = endpoint.idle.lastIndex(where: { $0.owner === owner }) {
            let connection = endpoint.idle.remove(at: index)
            idleCount -= 1
            guard !leg.isRepeatable, connection.hasEnded else { return connection }
            connection.close()
        }
        return nil
    }

    /// Whose a connection for this request is; nil: anybody's.
    private func owner(of leg: HTTPBackLeg) -> ConnectionInfo? {
        dialer.backend.proxyProtocol == nil ? nil : leg.exchange?.connection
    }

    private func dial(_ endpoint: Endpoint, _ leg: HTTPBackLeg, _ mayReuse: Bool) {
        if let full = breaker?.enter(.pendingRequest) { return leg.refused(Self.overloaded(full)) }
        if let full = breaker?.enter(.connection) {
            breaker?.leave(.pendingRequest)
            return leg.refused(Self.overloaded(full))
        }
        let connection = HTTPBackConnection(endpoint, self, owner: owner(of: leg))
        dialer.connect(to: endpoint, for: leg.exchange, nodelay: true, handler: connection) { [self, breaker] result in
            breaker?.leave(.pendingRequest)
            switch result {
            case .success(let channel):
                if let breaker { channel.closeFuture.assumeIsolated().whenComplete { _ in breaker.leave(.connection) } }
                connection.opened(channel, isClear: dialer.isClear)
                if leg.isWaiting {
                    leg.assigned(connection)
                } else if connection.owner == nil {
                    release(connection, nil)
                } else {
                    connection.close()
                }
            case .failure(let failure):
                breaker?.leave(.connection)
                notReached(endpoint, leg, failure, mayReuse)
            }
        }
    }

    /// Nothing of the request has been sent: the next endpoint may have it.
    private func notReached(_ endpoint: Endpoint, _ leg: HTTPBackLeg, _ failure: Failure, _ mayReuse: Bool) {
        endpoints.failed(endpoint, failure.reason)
        guard leg.isWaiting else { return }
        leg.place.lastFailure = failure
        leg.place.tried.append(endpoint)
        put(leg, mayReuse)
    }

    func ended(_ leg: HTTPBackLeg, _ outcome: HTTPOutcome) {
        if leg.place.isRequest {
            leg.place.isRequest = false
            breaker?.leave(.request)
        }
        guard let endpoint = leg.place.endpoint else { return }
        leg.place.endpoint = nil
        endpoint.load -= 1
        switch outcome {
        case .succeeded: endpoints.succeeded(endpoint)
        // An endpoint that was not reached was counted there.
        case .failed where leg.place.lastFailure == nil: endpoints.failed(endpoint, "requests failed")
        case .failed, .given: break
        }
    }

    // MARK: Connections

    /// The connection may be used again.
    /// - Parameter seconds: how long the back-end says that it keeps it.
    func release(_ connection: HTTPBackConnection, _ seconds: Int64?) {
        guard !isShutDown, idleCount < Self.maximumIdle, endpoints.isIn(connection.endpoint), seconds ?? 1 > 0,
            !connection.isOrphan
        else { return connection.close() }
        idleCount += 1
        connection.endpoint.idle.append(connection)
        var time = dialer.backend.idleTimeout.map { TimeAmount($0) }
        // A second before the back-end's time is over, for the request that would cross its end.
        if let seconds {
            let theirs = TimeAmount.milliseconds(max(500, seconds * 1000 - 1000))
            time = time.map { min($0, theirs) } ?? theirs
        }
        connection.rest(time)
    }

    /// The connection takes no more requests.
    func closed(_ connection: HTTPBackConnection) {
        guard let index = connection.endpoint.idle.firstIndex(where: { $0 === connection }) else { return }
        connection.endpoint.idle.remove(at: index)
        idleCount -= 1
    }

    private func closeIdle(of endpoint: Endpoint) {
        let idle = endpoint.idle
        endpoint.idle = []
        idleCount -= idle.count
        for connection in idle { connection.close() }
    }

    private func removed(_ gone: [Endpoint]) {
        checks?.remove(gone)
        for endpoint in gone { closeIdle(of: endpoint) }
    }
}

@available(*, unavailable)
extension HTTPConnector: Sendable {}
