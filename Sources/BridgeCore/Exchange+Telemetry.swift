// rtbridge: what is kept and counted of an exchange.
// SPDX-License-Identifier: Apache-2.0

import BridgeTelemetry
import NIOCore

extension Exchange {
    /// What a peer's header field may add to what is kept.
    private static let longestReason = 512

    /// A step on the way to the back-end that did not lead there, or one before it that explains the failure.
    ///
    /// - Parameter began: when the step began, which may be before the exchange did: a connection is shared.
    public func noteStep(
        began: NIODeadline, took: TimeAmount?, address: String?, phase: Failure.Phase, _ result: String
    ) {
        var timeline = tried ?? FailureTimeline()
        timeline.add(
            .init(
                at: .nanoseconds((began - startedAt).nanoseconds), took: took.map { .nanoseconds($0.nanoseconds) },
                address: address ?? "-", phase: phase.rawValue,
                result: String(result.prefix(Self.longestReason))))
        tried = timeline
    }

    /// A connection of the exchange's own is there.
    public func noteConnection(began: NIODeadline) {
        // Where it may be lost and replaced, each is noted.
        if reconnection == nil { dialled = (began, worker.now - began) }
    }

    /// Whether a step with this end was noted since then.
    func hasNoted(_ failure: Failure, since: NIODeadline) -> Bool {
        guard let last = tried?.entries.last, last.result == failure.reason else { return false }
        return last.at >= .nanoseconds((since - startedAt).nanoseconds)
    }

    /// What was tried, in order.
    var timeline: FailureTimeline {
        guard let dialled, reconnection == nil else { return tried ?? FailureTimeline() }
        noteStep(
            began: dialled.began, took: dialled.took, address: backAddress, phase: .connect, "connected")
        self.dialled = nil
        return tried ?? FailureTimeline()
    }

    func note(_ failure: Failure) {
        let end = FailureTimeline.Entry(
            at: .nanoseconds((worker.now - startedAt).nanoseconds), address: failure.address ?? "-",
            phase: failure.phase.rawValue, result: String(failure.reason.prefix(Self.longestReason)))
        var timeline = timeline
        if timeline.entries.last?.result != end.result { timeline.add(end) }
        var kept = failure
        kept.detail = nil
        kept.reason = String(kept.reason.prefix(Self.longestReason))
        worker.failedCalls.add(
            FailedCall(route: route.name, client: client, endedAt: worker.now, failure: kept, timeline: timeline))
    }

    func count() {
        let counters = route.counters
        counters.end(bytesIn: bytesIn, bytesOut: bytesOut, dropped: dropped)
        if let failure { counters.fail(failure.kind.rawValue, timeout: failure.timeout?.rawValue) }
    }
}
