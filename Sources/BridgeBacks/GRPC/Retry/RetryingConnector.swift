// rtbridge: a gRPC back-end as a route with a retry policy sees it.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgePolicy

/// What gRPC calls are made of, whether one endpoint is behind it or several.
protocol GRPCBackEnd: BackConnector {
    var worker: Worker { get }
    /// The calls of routes with a retry policy, and how many are on a retry.
    var retryBudget: RetryBudget { get set }
    func makeCall(isAttempt: Bool) -> GRPCBackLeg
}

extension RetryParameters {
    /// A back-end as a route with this policy sees it; one that is not gRPC's is left as it is.
    public func retrying(_ connector: any BackConnector) -> any BackConnector {
        guard let backEnd = connector as? any GRPCBackEnd else { return connector }
        return RetryingConnector(backEnd, self)
    }
}

/// Makes ``RetryingBackLeg``s on a back-end that others use too.
final class RetryingConnector: BackConnector {
    let backEnd: any GRPCBackEnd
    let parameters: RetryParameters

    init(_ backEnd: any GRPCBackEnd, _ parameters: RetryParameters) {
        self.backEnd = backEnd
        self.parameters = parameters
    }

    func makeLeg() -> any BackLeg { RetryingBackLeg(backEnd, parameters) }
    func probe(_ done: @escaping (Failure?) -> Void) { backEnd.probe(done) }
    /// The back-end is not this connector's own.
    func shutdown() {}
}
