// rtbridge: whose turn it is among a back-end's endpoints.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig

/// Round robin: each time the endpoints in order, beginning one further.
struct EndpointTurn {
    let endpoints: [Address]
    private var next: Int

    /// - Parameter start: so that workers do not all begin with the same one.
    init(_ endpoints: [Address], start: Int) {
        self.endpoints = endpoints
        next = start % endpoints.count
    }

    mutating func take() -> ArraySlice<Address> {
        defer { next = (next + 1) % endpoints.count }
        return (endpoints[next...] + endpoints[..<next])[...]
    }
}
