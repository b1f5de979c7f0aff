// rtbridge: whom a gRPC back leg tells of its call.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire
import NIOCore

/// The exchange itself, what stands before it for the sake of retries, or a health check.
protocol GRPCCaller: AnyObject {
    var request: FieldBlock { get }
    /// The client's IP address.
    var client: String { get }
    var deadline: NIODeadline? { get }
    var worker: Worker { get }

    func backReady()
    func backOpened(_ head: FieldBlock?)
    func backBody(_ bytes: ByteBuffer, _ flags: BodyFlags)
    func backEnded(_ trailers: FieldBlock?)
    func backFailed(_ failure: Failure)
    func backWritable()
    /// The call's connection takes no more calls; this one may go on.
    func backLeaving()
    /// A step on the way to the failure that comes next: see ``Exchange/noteStep(began:took:address:phase:_:)``.
    func noteStep(began: NIODeadline, took: TimeAmount?, address: String?, phase: Failure.Phase, _ result: String)
    /// The call begins anew, because no application had seen it.
    func begunAnew()
}

extension GRPCCaller {
    func backLeaving() {}
    func noteStep(began: NIODeadline, took: TimeAmount?, address: String?, phase: Failure.Phase, _ result: String) {}
    func begunAnew() {}
}

extension Exchange: GRPCCaller {
    func begunAnew() { route.counters.retriedTransparently() }
}
