// rtbridge: the health checks of a back-end's endpoints.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgePolicy
import NIOCore

/// Asks every endpoint again and again, as ``HealthAsking`` says; the first time at once.
final class HealthChecks {
    typealias MakeGRPC = (Endpoint, HealthCheck, HealthAsking.Way) -> any HealthQuestion

    private let config: HealthCheck
    private let endpoints: EndpointSet
    private let tls: TLSClient?
    private let makeGRPC: MakeGRPC
    private var running: [ObjectIdentifier: RunningCheck] = [:]

    /// Begins the checks that a back-end asks for.
    ///
    /// - Parameter tls: of checks by TCP and HTTP; nil: in clear text.
    /// - Parameter makeGRPC: a question by gRPC, over the back-end's own connections. Back-ends of other protocols are
    ///   asked for none.
    static func begin(
        _ endpoints: EndpointSet, _ tls: TLSClient?,
        makeGRPC: @escaping MakeGRPC = { endpoint, _, _ in preconditionFailure("\(endpoint.text) is asked by gRPC") }
    ) -> HealthChecks? {
        guard let config = endpoints.backend.healthCheck else { return nil }
        let checks = HealthChecks(config, endpoints, tls, makeGRPC: makeGRPC)
        endpoints.onAdded = { [weak checks] in checks?.add($0) }
        checks.start()
        return checks
    }

    private init(
        _ config: HealthCheck, _ endpoints: EndpointSet, _ tls: TLSClient?, makeGRPC: @escaping MakeGRPC
    ) {
        self.config = config
        self.tls = tls
        self.endpoints = endpoints
        self.makeGRPC = makeGRPC
    }

    /// The first questions go out with the next turn of the worker's loop.
    private func start() {
        endpoints.worker.eventLoop.assumeIsolated().execute { [weak self] in
            guard let self else { return }
            endpoints.worker.refreshClock()
            add(endpoints.endpoints)
            // Names are resolved by this, and their addresses added.
            endpoints.whenResolved { _ in }
        }
    }

    func add(_ added: [Endpoint]) {
        for endpoint in added where running[ObjectIdentifier(endpoint)] == nil {
            let check = RunningCheck(config, endpoint, endpoints) { [makeGRPC, config, tls, endpoints] way in
                switch config.type {
                case .grpc: makeGRPC(endpoint, config, way)
                case .http, .tcp: SocketProbe(endpoint, config, endpoints, tls)
                }
            }
            running[ObjectIdentifier(endpoint)] = check
            check.ask()
        }
    }

    func remove(_ gone: [Endpoint]) {
        for endpoint in gone { running.removeValue(forKey: ObjectIdentifier(endpoint))?.stop() }
    }

    func stop() {
        for check in running.values { check.stop() }
        running = [:]
    }
}

@available(*, unavailable)
extension HealthChecks: Sendable {}
