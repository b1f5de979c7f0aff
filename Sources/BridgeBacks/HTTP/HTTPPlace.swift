// rtbridge: where an HTTP request is among its back-end's endpoints.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore

/// What a connector keeps about a request.
struct HTTPPlace {
    /// Where the request is, or was.
    var endpoint: Endpoint?
    /// Endpoints that could not be reached.
    var tried: [Endpoint] = []
    var lastFailure: Failure?
    /// What of the circuit breaker's limits the request takes up.
    var isRequest = false
    var outcome = HTTPOutcome.given
}
