// rtbridge: a gRPC call that is tried again where its route says so.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgePolicy
import BridgeWire
import NIOCore

/// Owns a call's attempts, one after the other (gRPC A6), and stands between them and the exchange. What the client
/// sent is kept, and what the back-end says is held back, until the call is committed: with the first byte of a
/// message, with a request longer than is kept, or with header fields that were held for as long as may be.
///
/// ```
///            ┌─────────────────(delay)──────────────────┐
/// trying ────┴─ attempt failed, and RetryState says so ──┘
///    ├── message | request too long | head held for 100 ms ──▶ committed ──▶ over
///    └── attempt failed, and RetryState says no ────────────────────────────▶
/// ```
final class RetryingBackLeg: BackLeg {
    /// How long a head without a message is held for the sake of a status in the trailers.
    static let longestHold = TimeAmount.milliseconds(100)
    /// A longer head goes to the client at once, as ``HTTP2Options/maxHeaderListSize`` counts.
    static let maximumHead = 64 * 1024

    private let backEnd: any GRPCBackEnd
    private let parameters: RetryParameters
    private var state: RetryState
    private var exchange: Exchange?
    private var attempt: GRPCBackLeg?
    private var kept: KeptRequest
    private var heldHead: FieldBlock?
    private var timers = RetryTimers()
    private var startedAt: NIODeadline
    /// Whether the exchange knows that it may send.
    private var isReady = false
    private var isAttemptReady = false
    private var hasPassedHead = false
    private var isOnRetry = false
    private var lastAddress: String?
    private var attemptBegan: NIODeadline

    init(_ backEnd: any GRPCBackEnd, _ parameters: RetryParameters, maximumKept: Int = KeptRequest.defaultMaximum) {
        self.backEnd = backEnd
        self.parameters = parameters
        kept = KeptRequest(maximum: maximumKept, budget: backEnd.worker.held)
        state = RetryState(parameters)
        startedAt = backEnd.worker.now
        attemptBegan = startedAt
    }

    var isWritable: Bool { isAttemptReady && attempt?.isWritable == true }
    var staysOpenAfterEnd: Bool { false }
    var address: String? { attempt?.address ?? lastAddress }
    var attempts: Int { state.attempt }

    private var elapsed: Duration { .nanoseconds((worker.now - startedAt).nanoseconds) }

    // MARK: Commands of the exchange

    func open(_ exchange: Exchange) {
        self.exchange = exchange
        startedAt = exchange.worker.now
        backEnd.retryBudget.callBegan()
        begin()
    }

    func deliver(_ bytes: ByteBuffer, _ flags: BodyFlags) {
        guard isAttemptReady else { return kept.appendBeyond(bytes) }
        if !state.isCommitted, !kept.append(bytes) { commit() }
        attempt?.deliver(bytes, flags)
    }

    func finish(_ trailers: FieldBlock?) {
        kept.hasEnded = true
        if isAttemptReady { attempt?.finish(nil) }
    }

    func detach() { cancel() }

    func cancel() {
        let attempt = attempt
        over()
        attempt?.cancel()
    }

    func taken() { attempt?.taken() }

    // MARK: Attempts

    private func begin() {
        isAttemptReady = false
        attemptBegan = worker.now
        let attempt = backEnd.makeCall(isAttempt: true)
        self.attempt = attempt
        if let limit = parameters.perAttemptTimeout {
            timers.attempt = worker.timers.schedule(at: worker.now + TimeAmount(limit), self)
        }
        attempt.begin(self)
    }

    /// Nothing is tried again from here on: what was held goes to the client, what was kept is let go.
    private func commit() {
        guard !state.isCommitted else { return }
        state.commit()
        timers.cancelAll()
        kept.drop()
        passHead()
    }

    private func passHead() {
        timers.hold?.cancel()
        guard let head = heldHead else { return }
        heldHead = nil
        hasPassedHead = true
        exchange?.backOpened(counted(head))
    }

    /// An attempt has ended without success.
    /// - Parameter tell: tells the exchange, if that was the last one.
    private func ended(
        _ outcome: RetryState.Outcome, _ phase: Failure.Phase, _ result: @autoclosure () -> String,
        _ tell: (Exchange) -> Void
    ) {
        lastAddress = attempt?.address ?? lastAddress
        timers.cancelAll()
        guard let exchange else { return }
        exchange.noteStep(
            began: attemptBegan, took: worker.now - attemptBegan, address: lastAddress, phase: phase, result())
        let counters = exchange.route.counters
        let left = exchange.deadline.map { Duration.nanoseconds(($0 - worker.now).nanoseconds) }
        let hasBudget = isOnRetry || backEnd.retryBudget.hasRoom(percent: parameters.budgetPercent)
        switch state.attemptEnded(outcome, hasBudget: hasBudget, timeLeft: left, using: &worker.random) {
        case .retryNow:
            counters.retriedTransparently()
            again()
        case .retry(let delay):
            counters.retried()
            if outcome == .timedOut { counters.timedOut(Failure.Timeout.perAttempt.rawValue) }
            if !isOnRetry { backEnd.retryBudget.retryBegan() }
            isOnRetry = true
            attempt = nil
            isAttemptReady = false
            heldHead = nil
            timers.delay = worker.timers.schedule(at: worker.now + TimeAmount(delay), self)
        case .giveUp(let reason):
            counters.retryRefused(reason.rawValue)
            tell(exchange)
        }
    }

    private func again() {
        heldHead = nil
        begin()
    }

    private func over() {
        timers.cancelAll()
        guard exchange != nil else { return }
        exchange = nil
        attempt = nil
        kept.drop()
        heldHead = nil
        backEnd.retryBudget.callEnded()
        if isOnRetry { backEnd.retryBudget.retryEnded() }
    }

    /// gRPC A6, "Exposed Retry Metadata": "the client will receive the number of retry attempts made".
    private func counted(_ fields: FieldBlock) -> FieldBlock {
        guard state.previousAttempts > 0 else { return fields }
        var fields = fields
        fields.append("grpc-previous-rpc-attempts", String(state.previousAttempts).utf8)
        return fields
    }

    private func told(_ failure: Failure) -> Failure {
        var failure = failure
        failure.attempts = Failure.Attempts(count: state.attempt, limit: state.maxAttempts, elapsed: elapsed)
        return failure
    }
}

// MARK: - What an attempt says

extension RetryingBackLeg: GRPCCaller {
    var worker: Worker { backEnd.worker }
    var client: String { exchange?.client ?? "" }
    var deadline: NIODeadline? { exchange?.deadline }

    /// gRPC A6: `grpc-previous-rpc-attempts` "will not be present on the first RPC, will be 1 for the second RPC".
    var request: FieldBlock { counted(exchange?.request ?? FieldBlock()) }

    func backReady() {
        isAttemptReady = true
        guard isReady else {
            isReady = true
            exchange?.backReady()
            return
        }
        for piece in kept.pieces { attempt?.deliver(piece, []) }
        if kept.hasEnded { attempt?.finish(nil) }
        if kept.isBeyond { commit() }
        exchange?.backWritable()
    }

    func backOpened(_ head: FieldBlock?) {
        let head = head ?? FieldBlock()
        heldHead = head
        guard state.mayRetry, head.listSize <= Self.maximumHead else { return commit() }
        timers.hold = worker.timers.schedule(at: worker.now + Self.longestHold, self)
    }

    func backBody(_ bytes: ByteBuffer, _ flags: BodyFlags) {
        commit()
        exchange?.backBody(bytes, flags)
    }

    func backEnded(_ trailers: FieldBlock?) {
        let trailers = trailers ?? FieldBlock()
        let code = trailers.first("grpc-status").flatMap { GRPCStatusCode(value: $0) } ?? .unknown
        guard code != .ok else { return end(trailers) }
        let pushback = RetryState.Pushback(value: trailers.string("grpc-retry-pushback-ms"))
        ended(.status(code.rawValue, pushback), .headers, "the back-end answered \(code.name)") { _ in end(trailers) }
    }

    private func end(_ trailers: FieldBlock) {
        guard let exchange else { return }
        passHead()
        exchange.backEnded(hasPassedHead ? trailers : counted(trailers))
    }

    func backFailed(_ failure: Failure) {
        // A limit of the bridge's own: trying again would be what the limit is against.
        if failure.origin == .bridge { state.commit() }
        let outcome: RetryState.Outcome
        if let reason = attempt?.unseen {
            outcome = .unseen(reason)
        } else {
            outcome = .status(UInt8(clamping: failure.grpcStatusCode), .none)
        }
        ended(outcome, failure.phase, failure.reason) { exchange in
            passHead()
            exchange.backFailed(told(failure))
        }
    }

    func backWritable() { exchange?.backWritable() }

    func noteStep(
        began: NIODeadline, took: TimeAmount?, address: String?, phase: Failure.Phase, _ result: String
    ) {
        exchange?.noteStep(began: began, took: took, address: address, phase: phase, result)
    }

    func begunAnew() {}
}

extension RetryingBackLeg: WheelTimerTarget {
    func timerFired(_ timer: WheelTimer) {
        if timer === timers.hold { return commit() }
        if timer === timers.delay { return again() }
        guard timer === timers.attempt, let limit = parameters.perAttemptTimeout else { return }
        let late = attempt
        let text = "no message within \(limit / .seconds(1)) s (retryPolicy.perAttemptTimeout)"
        let failure = Failure(
            .attemptTimeout, .back, .headers, text, address: late?.address, timeout: .perAttempt)
        ended(.timedOut, .headers, text) { $0.backFailed(told(failure)) }
        late?.cancel()
    }
}

@available(*, unavailable)
extension RetryingBackLeg: Sendable {}
