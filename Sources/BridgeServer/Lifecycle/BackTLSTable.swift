// rtbridge: the TLS of all back-ends.
// SPDX-License-Identifier: Apache-2.0

import BridgeBacks
import BridgeConfig
import NIOOpenSSL

/// What each back-end needs for TLS, made once for all workers. Back-ends that ask for the same share it.
struct BackTLSTable: Sendable {
    private struct Key: Hashable {
        var tls: BackendTLS
        var `protocol`: BackendProtocol
        var check: HealthCheck.Method?

        init?(_ backend: Backend) {
            guard let tls = backend.tls else { return nil }
            self.tls = tls
            `protocol` = backend.protocol
            check = backend.healthCheck?.type
        }
    }

    private var known: [Key: BackTLS] = [:]

    /// - Throws: ``BridgeStartError`` that names the entry and the file which cannot be used.
    init(_ document: Document) throws {
        for (place, backend) in document.placedBackends {
            guard let key = Key(backend), known[key] == nil else { continue }
            do throws(TLSError) {
                known[key] = try BackTLS.make(backend)
            } catch {
                throw BridgeStartError.backTLS(place, error)
            }
        }
    }

    /// nil: in clear text.
    subscript(_ backend: Backend) -> BackTLS? { Key(backend).flatMap { known[$0] } }
}

extension Document {
    /// All back-ends, each with its place in the file: `backends.greeter`, `routes[2].backend`.
    var placedBackends: [(place: String, backend: Backend)] {
        var placed = backends.map { (place: "backends.\($0.name)", backend: $0) }
        for (index, route) in routes.enumerated() where !placed.contains(where: { $0.backend == route.backend }) {
            placed.append(("routes[\(index)].backend", route.backend))
        }
        return placed
    }
}
