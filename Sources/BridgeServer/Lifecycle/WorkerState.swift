// rtbridge: everything that one worker holds.
// SPDX-License-Identifier: Apache-2.0

import BridgeBacks
import BridgeConfig
import BridgeCore
import BridgePolicy
import NIOCore

/// What all workers are made from. Nothing in it changes, or it is safe to share.
struct Blueprint: Sendable {
    let document: Document
    let listeners: [ListenerShared]
    let health: HealthState
    let healthPages: LocalPages
    let pages: LocalPages
    let adminPages: LocalPages
    /// One a route, for UDP.
    let limiters: [SessionLimiter]
    /// By the back-end's name, for those with limits.
    let breakers: [String: CircuitBreaker]
    let tls: BackTLSTable
}

/// One worker's connectors and ingresses. Belongs to its event loop.
final class WorkerState {
    let worker: Worker
    /// In the order of the blueprint's listeners.
    let ingresses: [Ingress]
    private let connectors: [any BackConnector]
    private let required: [(name: String, connector: any BackConnector)]

    init(worker: Worker, _ blueprint: Blueprint) {
        self.worker = worker
        let document = blueprint.document
        var byName: [String: (backend: Backend, connector: any BackConnector)] = [:]
        var all: [any BackConnector] = []
        func connector(_ backend: Backend, limiter: SessionLimiter) -> any BackConnector {
            // UDP counts its sessions by route; everything else is shared by the routes that name it.
            // Two that are written inline may have one name, and options of their own.
            if backend.protocol != .udp, let known = byName[backend.name], known.backend == backend {
                return known.connector
            }
            let made = Self.makeConnector(
                backend, worker, limiter, blueprint.breakers[backend.name], blueprint.tls[backend])
            byName[backend.name] = (backend, made)
            all.append(made)
            return made
        }
        let routes = zip(document.routes, blueprint.limiters).map { route, limiter in
            let plain = connector(route.backend, limiter: limiter)
            return WorkerRoute(
                config: route, connector: route.retryPolicy?.retrying(plain) ?? plain,
                counters: worker.counters.route(route.name))
        }
        required = document.health.requireBackends.compactMap { name in
            document.backends.first { $0.name == name }.map { backend in
                (name, connector(backend, limiter: SessionLimiter(maximum: 0, maximumPerClient: 0)))
            }
        }
        let healthRoute = Self.healthRoute(document, blueprint.health, worker)
        ingresses = blueprint.listeners.map { listener in
            let isAdmin = listener.isAdmin
            let answersHealth = isAdmin || document.health.onListeners.contains(listener.name)
            var pages = isAdmin ? LocalPages() : blueprint.pages
            if isAdmin { pages.add(blueprint.adminPages) }
            if answersHealth { pages.add(blueprint.healthPages) }
            return Ingress(
                worker: worker, listener: listener,
                routes: isAdmin
                    ? []
                    : routes.filter { $0.config.match.listener == nil || $0.config.match.listener == listener.name },
                local: pages, healthRoute: answersHealth ? healthRoute : nil)
        }
        connectors = all
    }

    static func makeConnector(
        _ backend: Backend, _ worker: Worker, _ limiter: SessionLimiter, _ breaker: CircuitBreaker?, _ tls: BackTLS?
    ) -> any BackConnector {
        switch backend.protocol {
        case .grpc: GRPCBackEnds.make(backend, worker, breaker, tls: tls)
        case .tcp: TCPConnector(backend: backend, worker: worker, breaker: breaker, tls: tls)
        case .udp: UDPConnector(backend: backend, worker: worker, limiter: limiter, breaker: breaker)
        case .http: HTTPConnector(backend: backend, worker: worker, breaker: breaker, tls: tls)
        case .websocket: WebSocketConnector(backend: backend, worker: worker, breaker: breaker, tls: tls)
        }
    }

    private static func healthRoute(_ document: Document, _ health: HealthState, _ worker: Worker) -> WorkerRoute {
        let backends = Dictionary(document.routes.map { ($0.name, $0.backend.name) }) { first, _ in first }
        let connector = HealthConnector(state: health, backends: backends, worker: worker)
        let backend = Backend(name: "rtbridge", protocol: .grpc, endpoints: [.host("localhost", port: 1)])
        var route = Route(name: "grpc.health.v1", match: Match(protocols: [.grpc, .grpcWeb]), backend: backend)
        // A Watch may be silent for long; the leg itself bounds what the request may take.
        route.timeouts.idle = nil
        return WorkerRoute(config: route, connector: connector, counters: worker.counters.route(route.name))
    }

    /// Asks every required back-end whether it can be reached.
    func probeRequired(_ health: HealthState) {
        worker.refreshClock()
        for (name, connector) in required {
            connector.probe { failure in
                health.backendProbed(name, failure.map { "\($0.address ?? ""): \($0.phase.rawValue): \($0.reason)" })
            }
        }
    }

    func drain() {
        worker.startDraining()
        for ingress in ingresses where !ingress.listener.isAdmin { ingress.drain() }
    }

    /// Clients are gone, and what they said last was taken.
    var isDrained: Bool { worker.departing == 0 && ingresses.allSatisfy { $0.listener.isAdmin || $0.isEmpty } }

    func stop() {
        for ingress in ingresses { ingress.closeAll() }
        for connector in connectors { connector.shutdown() }
        worker.flushAccessLines()
    }
}
