// rtbridge: whether what a worker held is gone.
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Synchronization

@testable import BridgeBacks
@testable import BridgeCore

/// Safety: what is held is only compared with nil.
final class WeakParts: @unchecked Sendable {
    private weak var worker: Worker?
    private weak var connector: GRPCConnector?
    private weak var connection: GRPCBackConnection?
    let loop = Mutex<(any EventLoop)?>(nil)

    func note(_ worker: Worker, _ connector: GRPCConnector?, _ connection: GRPCBackConnection?) {
        (self.worker, self.connector, self.connection) = (worker, connector, connection)
    }

    var isEmpty: Bool { worker == nil && connector == nil && connection == nil }
}
