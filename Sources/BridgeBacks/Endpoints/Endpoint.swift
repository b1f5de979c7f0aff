// rtbridge: one address of a back-end, as a worker sees it.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgePolicy

/// An address that can be dialled, with what one worker knows of it. An address that a name stood for keeps what is
/// known of it as long as the name stands for it.
final class Endpoint {
    let address: Address
    /// What it is called in the configuration: the name that the address stands for, or the address.
    let host: String
    /// As people write it.
    let text: String
    /// What a request to it names as its host: what it is called in the configuration, with the port.
    var authority: String {
        switch address {
        case .host(_, let port): Dialer.text(.host(host, port: port))
        case .unix: host
        }
    }
    /// Its connections, of a gRPC back-end.
    var pool: GRPCConnector?
    /// Connections that wait for a request, of an HTTP back-end; the one used last is at the end.
    var idle: [HTTPBackConnection] = []
    /// Calls or sessions that it has now.
    var load = 0
    var health: HealthTracker
    /// Why the last check failed.
    var healthFailure: String?
    /// Its place in the set; changes when the addresses do.
    var index = 0

    /// - Parameter host: nil: the address's own.
    init(_ address: Address, host: String? = nil, _ check: HealthCheck?) {
        self.address = address
        self.host = host ?? address.host
        text = Dialer.text(address)
        health = HealthTracker(
            healthyThreshold: check?.healthyThreshold ?? 1, unhealthyThreshold: check?.unhealthyThreshold ?? 1)
    }
}

@available(*, unavailable)
extension Endpoint: Sendable {}
