// rtbridge: the connector that a gRPC back-end needs.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgePolicy

public enum GRPCBackEnds {
    /// One address without options needs no choice; everything else a balancer.
    ///
    /// - Parameter breaker: shared by all workers; nil is no limits.
    /// - Parameter tls: likewise; nil: in clear text.
    public static func make(
        _ backend: Backend, _ worker: Worker, _ breaker: CircuitBreaker?, tls: BackTLS? = nil
    ) -> any BackConnector {
        let isPlain =
            backend.endpoints.count == 1 && NameRefresh.literals(backend.endpoints).count == 1
            && backend.healthCheck == nil && breaker == nil
        return isPlain
            ? GRPCConnector(backend: backend, worker: worker, tls: tls)
            : GRPCBalancer(backend: backend, worker: worker, breaker: breaker, tls: tls)
    }
}
