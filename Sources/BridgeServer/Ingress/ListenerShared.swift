// rtbridge: what all workers know of a listener.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import NIOOpenSSL
import Synchronization

/// A listener's options and its count of connections, over all workers.
package final class ListenerShared: Sendable {
    let name: String
    /// Health alone is answered here, and until the end of a drain.
    let isAdmin: Bool
    let limits: ListenerLimits
    let protocols: [Listener.HTTPVersion]
    let tls: TLSContext?
    let proxyProtocol: ListenerProxyProtocol
    private let connections = Atomic<Int>(0)

    package init(_ config: Listener, tls: TLSContext?, isAdmin: Bool) {
        name = config.name
        self.isAdmin = isAdmin
        limits = config.limits
        protocols = config.protocols
        proxyProtocol = config.proxyProtocol
        self.tls = tls
    }

    /// - Returns: whether one more connection may be open; if so it is counted.
    func enter() -> Bool {
        guard connections.add(1, ordering: .relaxed).newValue <= limits.maxConnections else {
            leave()
            return false
        }
        return true
    }

    func leave() { connections.subtract(1, ordering: .relaxed) }
}
