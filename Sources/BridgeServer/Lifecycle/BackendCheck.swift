// rtbridge: dialling every back-end, to see whether it is there.
// SPDX-License-Identifier: Apache-2.0

import BridgeBacks
import BridgeConfig
import BridgeCore
import Logging
import NIOCore
import NIOPosix

/// Connects to each endpoint of each back-end once, as the bridge would, TLS and HTTP/2 included.
public enum BackendCheck {
    /// What came of one endpoint.
    public struct Finding: Sendable {
        /// Where it stands in the file: `backends.greeter.endpoints[0]`.
        public let place: String
        public let address: String
        /// nil: it was reached.
        public let failure: Failure?

        /// `backends.greeter.endpoints[0]: 10.0.0.11:50051: TLS: certificate has expired: …`
        public var description: String {
            guard let failure else { return "\(place): \(address): reached" }
            return "\(place): \(address): \(failure.phase.rawValue): \(failure.reason)"
        }
    }

    /// Endpoints that are dialled at a time.
    private static let batch = 32

    /// Takes at most as long for an endpoint as its `timeouts.connect`, and gRPC 20 s for its SETTINGS.
    /// - Returns: in the order of the file. UDP says nothing of whether somebody listens: that a name resolves is all.
    /// - Throws: ``BridgeStartError`` for TLS options that OpenSSL does not take.
    public static func run(_ document: Document, logger: Logger) async throws -> [Finding] {
        let tls = try BackTLSTable(document)
        let single = document.placedBackends.flatMap { place, backend in
            backend.endpoints.enumerated().map { index, endpoint in
                var one = backend
                one.endpoints = [endpoint]
                one.healthCheck = nil
                one.outlierDetection = nil
                one.circuitBreaker = nil
                let isShort = place.hasPrefix("routes") && backend.endpoints.count == 1
                return (place: isShort ? place : "\(place).endpoints[\(index)]", backend: one, tls: tls[backend])
            }
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        var findings: [Finding] = []
        for start in stride(from: 0, to: single.count, by: batch) {
            let dialled = single[start..<min(start + batch, single.count)].map { entry in
                (entry, probe(entry.backend, entry.tls, loop, logger))
            }
            for (entry, result) in dialled {
                let address = entry.backend.endpoints[0].description
                findings.append(Finding(place: entry.place, address: address, failure: try await result.get()))
            }
        }
        try? await group.shutdownGracefully()
        return findings
    }

    private static func probe(
        _ backend: Backend, _ tls: BackTLS?, _ loop: any EventLoop, _ logger: Logger
    ) -> EventLoopFuture<Failure?> {
        let answer = loop.makePromise(of: Failure?.self)
        loop.execute {
            let worker = Worker(eventLoop: loop, index: 0, logger: logger, accessLog: nil)
            let limiter = SessionLimiter(maximum: 1, maximumPerClient: 1)
            let connector = WorkerState.makeConnector(backend, worker, limiter, nil, tls)
            connector.probe { failure in
                connector.shutdown()
                answer.succeed(failure)
                // Both live until here.
                withExtendedLifetime((connector, worker)) {}
            }
        }
        return answer.futureResult
    }
}
