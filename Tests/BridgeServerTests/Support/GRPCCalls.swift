// rtbridge: gRPC calls through a connector.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgePolicy
import NIOCore
import Testing

@testable import BridgeBacks
@testable import BridgeCore

/// Calls with one message, which the back-end answers with the same.
enum GRPCCalls {
    static func world(
        _ ports: [Int], _ change: @escaping @Sendable (inout Backend) -> Void = { _ in },
        wrap: @escaping @Sendable (any BackConnector) -> any BackConnector = { $0 }
    ) async throws -> BackWorld {
        var backend = Backend(name: "b", protocol: .grpc, endpoints: ports.map { .host("127.0.0.1", port: $0) })
        change(&backend)
        return try await BackWorld.make(backend) { backend, worker, _ in
            wrap(GRPCBackEnds.make(backend, worker, backend.circuitBreaker.map { CircuitBreaker($0) }))
        }
    }

    static func call(_ world: BackWorld, _ text: String) async throws -> BackSession {
        let session = try await BackSession.open(world)
        try await session.send(HTTP1Request.frame(text))
        try await session.end()
        return session
    }

    static func expectAnswer(_ session: BackSession, _ text: String) async throws {
        try await session.wait("the answer to \(text)") { $0.isFinished || $0.failure != nil }
        let (body, status, failure) = try await session.run {
            ($0.body, $0.trailers?.string("grpc-status"), $0.failure)
        }
        #expect(failure == nil)
        #expect(body == HTTP1Request.frame(text) && status == "0")
    }
}
