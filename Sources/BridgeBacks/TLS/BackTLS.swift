// rtbridge: how a back-end is spoken to by TLS.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import NIOOpenSSL

/// What a back-end's connections and health checks need for TLS: made once, shared by all workers.
public struct BackTLS: Sendable {
    /// Of the back-end's own protocol.
    let connections: TLSClient
    /// Of health checks by TCP or HTTP.
    let checks: TLSClient

    /// - Throws: a ``TLSError/Kind/configuration`` error that names the file and how to mend it.
    /// - Returns: nil for back-ends in clear text.
    public static func make(_ backend: Backend) throws(TLSError) -> BackTLS? {
        guard let config = backend.tls else { return nil }
        let application = TLSClient.Application(backend.protocol)
        let connections = try TLSClient(config, application)
        // A gRPC server would take a check by HTTP/1.1 for HTTP/2, had it agreed to that.
        let isOther = backend.healthCheck?.type == .http && application == .http2
        return BackTLS(connections: connections, checks: isOther ? try TLSClient(config, .http1) : connections)
    }
}
