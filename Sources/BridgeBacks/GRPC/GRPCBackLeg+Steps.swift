// rtbridge: what explains a gRPC call's failure.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore

extension GRPCBackLeg {
    /// What went before a failure on a connection.
    func noteSteps(of connection: GRPCBackConnection?) {
        guard let caller, let connection else { return }
        if let resolution = balancer?.endpoints.lastResolution {
            caller.noteStep(
                began: resolution.began, took: resolution.took, address: nil, phase: .resolve,
                "addresses: \(resolution.count)")
        }
        for step in connection.steps {
            caller.noteStep(began: step.began, took: step.took, address: address, phase: step.phase, step.result)
        }
    }
}
