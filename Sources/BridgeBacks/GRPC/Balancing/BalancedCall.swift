// rtbridge: what a balancer keeps about a call.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire

/// A call on its way through the endpoints of a back-end. There is none where there is no balancer.
final class BalancedCall {
    /// Where the call is, or was.
    var endpoint: Endpoint?
    /// Endpoints that cannot be reached, or were slow to connect.
    var tried: [Endpoint] = []
    var lastFailure: Failure?
    /// What of the circuit breaker's limits the call takes up.
    var isRequest = false
    var isPending = false

    /// The call begins anew: every endpoint may be tried again.
    func forget() {
        tried = []
        lastFailure = nil
    }
}

/// How a call ended, as far as its endpoint is concerned.
enum GRPCOutcome {
    /// The endpoint has answered; whatever it said is not its fault.
    case succeeded
    /// The endpoint did not answer, or said that it is not available.
    case failed
    /// Nothing can be said of the endpoint.
    case given

    /// Of the statuses that a back-end gives UNAVAILABLE alone counts against it: all others are answers.
    static func of(_ trailers: FieldBlock) -> GRPCOutcome {
        trailers.first("grpc-status")?.elementsEqual("14".utf8) == true ? .failed : .succeeded
    }
}
