// rtbridge: endpoints for back-ends with a connection for each session.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgePolicy
import NIOCore

/// Chooses endpoints for TCP and UDP sessions, counts them, and keeps the circuit breaker's limits.
final class SessionEndpoints {
    typealias Connect = (Endpoint, @escaping (Result<any Channel, Failure>) -> Void) -> Void
    typealias Done = (Result<(any Channel, Address), Failure>) -> Void

    let endpoints: EndpointSet
    private let breaker: CircuitBreaker?
    private var checks: HealthChecks?

    /// - Parameter tls: of health checks; nil: in clear text.
    init(_ backend: Backend, _ worker: Worker, _ breaker: CircuitBreaker?, tls: TLSClient? = nil) {
        self.breaker = breaker
        endpoints = EndpointSet(backend, worker)
        checks = HealthChecks.begin(endpoints, tls)
        endpoints.onRemoved = { [unowned self] in checks?.remove($0) }
    }

    var healthFailure: Failure? { endpoints.healthFailure }

    func shutdown() {
        checks?.stop()
        endpoints.shutdown()
    }

    /// Has `connect` try endpoints by the policy until one is reached; the last failure is the one that is told.
    /// - Parameter exchange: whose session it is; nil for a probe, which the limits do not hold for.
    func connect(for exchange: Exchange?, _ connect: @escaping Connect, done: @escaping Done) {
        let breaker = exchange == nil ? nil : breaker
        if let full = breaker?.enter(.pendingRequest) { return done(.failure(overloaded(full))) }
        if let full = breaker?.enter(.connection) {
            breaker?.leave(.pendingRequest)
            return done(.failure(overloaded(full)))
        }
        let began = endpoints.worker.now
        let key = exchange.flatMap { endpoints.key($0.request, client: $0.client) }
        endpoints.whenResolved { [self] failure in
            let finish: Done = { result in
                if let breaker { Self.dialled(breaker, result) }
                done(result)
            }
            if let exchange, let resolution = endpoints.lastResolution, resolution.began >= began {
                exchange.noteStep(
                    began: resolution.began, took: resolution.took, address: failure?.address, phase: .resolve,
                    failure?.reason ?? "addresses: \(resolution.count)")
            }
            if let failure { finish(.failure(failure)) } else { attempt(key, [], nil, exchange, connect, finish) }
        }
    }

    private static func dialled(_ breaker: CircuitBreaker, _ result: Result<(any Channel, Address), Failure>) {
        breaker.leave(.pendingRequest)
        switch result {
        case .success((let channel, _)):
            channel.closeFuture.assumeIsolated().whenComplete { _ in breaker.leave(.connection) }
        case .failure: breaker.leave(.connection)
        }
    }

    private func overloaded(_ full: String) -> Failure { Failure(.overloaded, .bridge, .connect, full) }

    private func attempt(
        _ key: UInt64?, _ tried: [Endpoint], _ last: Failure?, _ exchange: Exchange?, _ connect: @escaping Connect,
        _ done: @escaping Done
    ) {
        let next = endpoints.pick(key: key) { endpoint in !tried.contains { $0 === endpoint } }
        guard let next else {
            return done(.failure(last ?? Failure(.connectFailed, .back, .connect, "no endpoint is left to be tried")))
        }
        let counts = endpoints.countsLoad
        let began = endpoints.worker.now
        if counts { next.load += 1 }
        connect(next) { [self] result in
            switch result {
            case .success(let channel):
                endpoints.succeeded(next)
                exchange?.noteConnection(began: began)
                // Nothing is kept for as long as the session, unless somebody looks at it.
                if counts { channel.closeFuture.assumeIsolated().whenComplete { _ in next.load -= 1 } }
                done(.success((channel, next.address)))
            case .failure(let failure):
                if counts { next.load -= 1 }
                // Whoever gave up has closed what was being dialled; that says nothing of the endpoint.
                if let exchange, exchange.isOver { return done(.failure(failure)) }
                endpoints.failed(next, failure.reason)
                exchange?.noteStep(
                    began: began, took: endpoints.worker.now - began, address: failure.address ?? next.text,
                    phase: failure.phase, failure.reason)
                attempt(key, tried + [next], failure, exchange, connect, done)
            }
        }
    }
}

@available(*, unavailable)
extension SessionEndpoints: Sendable {}
