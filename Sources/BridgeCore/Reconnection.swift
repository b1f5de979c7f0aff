// rtbridge: a session's outages: its policy, its timers and what is held meanwhile.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgePolicy
import BridgeTelemetry
import Logging
import NIOCore

/// Carries out what ``ReconnectState`` decides for one ``Exchange``. There is none on a route without `reconnect`.
final class Reconnection {
    let options: ReconnectOptions
    var held: HeldMessages
    /// What the new connection is given first goes on a message whose beginning the old one had written.
    private(set) var isMidMessage = false
    private(set) var state: ReconnectState
    private(set) var reconnects = 0
    /// The exchange ends this before it goes.
    private unowned let exchange: Exchange
    private var timers = Timers()
    /// When the attempt under way began.
    private var dialledAt: NIODeadline
    /// How much had gone through when the back-end's connection came.
    private var mark = (written: 0, read: 0)
    private var lastFailure: Failure?

    /// The two timers of an outage.
    private struct Timers {
        var delay: WheelTimer?
        var hold: WheelTimer?

        mutating func cancelAll() {
            delay?.cancel()
            hold?.cancel()
            (delay, hold) = (nil, nil)
        }
    }

    /// Begins with the session.
    init(_ options: ReconnectOptions, _ exchange: Exchange) {
        self.options = options
        self.exchange = exchange
        held = HeldMessages(
            limit: options.bufferBytes, overflow: options.overflow, budget: exchange.worker.held)
        state = ReconnectState(options.policy)
        dialledAt = exchange.worker.now
        state.started(at: Self.time(exchange.worker.now))
        armHold()
    }

    var resumes: Bool { options.policy.mode == .resume }
    /// Whether a new session goes on in the middle of a message: not one that knows of messages itself.
    var continuesMessages: Bool { resumes && exchange.route.config.backend.protocol != .websocket }
    /// Whether what a lost connection has not written goes to the next one.
    var keepsUnwritten: Bool { options.policy.mode != .close }

    func close() {
        timers.cancelAll()
        state.ended()
        held.removeAll()
    }

    // MARK: The back-end comes and goes

    /// The new back-end's connection gets the preamble, and what was held for it.
    func deliver(to back: any BackLeg, isNew: Bool) {
        timers.cancelAll()
        state.connected(at: now)
        mark = (exchange.bytesIn - held.byteCount, exchange.bytesOut)
        noteDial(address: back.address, phase: .connect, "connected")
        if let preamble = options.preamble { back.deliver(ByteBuffer(string: preamble), [.endsMessage, .ofBridge]) }
        guard !isNew else { return }
        reconnects += 1
        exchange.route.counters.reconnected()
        log("back-end reached again", back.address, reason: nil, delay: nil)
        exchange.front?.backReconnected()
        while exchange.state.phase == .open, let (bytes, flags) = held.popFirst() { back.deliver(bytes, flags) }
    }

    /// - Parameter unwritten: what the lost connection gave back.
    func lost(_ failure: Failure, _ loss: ReconnectState.Loss, _ unwritten: Unwritten) -> ReconnectState.OnLost {
        let written = exchange.bytesIn - held.byteCount - unwritten.byteCount
        let traffic = ReconnectState.Traffic(hasWritten: written > mark.written, hasRead: exchange.bytesOut > mark.read)
        let wasLive = state.phase == .live
        if wasLive {
            exchange.route.counters.lostBack()
            exchange.noteStep(
                began: exchange.worker.now, took: nil, address: failure.address, phase: failure.phase, failure.reason)
        } else if !exchange.hasNoted(failure, since: dialledAt) {
            noteDial(address: failure.address, phase: failure.phase, failure.reason)
        }
        lastFailure = failure
        let next = state.lost(loss, traffic, at: now, using: &exchange.worker.random)
        if case .retry(let attempt, let delay) = next {
            if wasLive { log("back-end lost", failure.address, reason: failure.reason, delay: delay) }
            isMidMessage = wasLive ? unwritten.isCut && continuesMessages : isMidMessage
            timers.delay = exchange.worker.timers.schedule(at: exchange.worker.now + TimeAmount(delay), self)
            if timers.hold == nil { armHold() }
            exchange.worker.logger.debug(
                "back-end is dialled again", metadata: metadata(failure.address, failure.reason, delay, attempt))
        }
        return next
    }

    /// The failure that ends the session, with what was tried. It is logged.
    func finalFailure(_ failure: Failure) -> Failure {
        var failure = failure
        if state.isOutOfTime {
            failure.timeout = .maxHold
            failure.reason += ", and no answer within reconnect.maxHold"
        }
        failure.attempts = Failure.Attempts(
            count: state.attempts, limit: options.policy.maxAttempts, elapsed: state.elapsed(at: now))
        var metadata = metadata(failure.address, failure.reason, nil, state.attempts)
        metadata[LogKeys.attempts] = "\(exchange.timeline.text)"
        exchange.worker.logger.info("back-end given up", metadata: metadata)
        return failure
    }

    // MARK: Inside

    private var now: Duration { Self.time(exchange.worker.now) }

    private static func time(_ deadline: NIODeadline) -> Duration {
        .nanoseconds(Int64(clamping: deadline.uptimeNanoseconds))
    }

    private func armHold() {
        let end = exchange.worker.now + TimeAmount(state.holdEnd - now)
        timers.hold = exchange.worker.timers.schedule(at: end, self)
    }

    private func noteDial(address: String?, phase: Failure.Phase, _ result: String) {
        exchange.noteStep(
            began: dialledAt, took: exchange.worker.now - dialledAt, address: address, phase: phase, result)
    }

    private func log(_ message: Logger.Message, _ address: String?, reason: String?, delay: Duration?) {
        exchange.worker.logger.info(message, metadata: metadata(address, reason, delay, state.attempts))
    }

    private func metadata(
        _ address: String?, _ reason: String?, _ delay: Duration?, _ attempts: Int
    ) -> Logger.Metadata {
        var metadata: Logger.Metadata = [
            LogKeys.route: "\(exchange.route.name)", LogKeys.client: "\(exchange.client)",
            LogKeys.backAddress: "\(address ?? "-")", LogKeys.count: "\(attempts)",
        ]
        if let reason { metadata[LogKeys.reason] = "\(reason)" }
        if let delay { metadata[LogKeys.delay] = "\(Int(delay / .milliseconds(1))) ms" }
        return metadata
    }
}

extension Reconnection: WheelTimerTarget {
    func timerFired(_ timer: WheelTimer) {
        if timer === timers.delay {
            timers.delay = nil
            guard state.delayPassed() else { return }
            dialledAt = exchange.worker.now
            exchange.route.counters.redialled()
            exchange.dial()
            return
        }
        guard timer === timers.hold else { return }
        timers.hold = nil
        guard state.holdPassed(at: now) else { return }
        exchange.fail(
            finalFailure(
                lastFailure
                    ?? Failure(.connectTimeout, .back, .connect, "no connection", address: exchange.backAddress)))
    }
}

@available(*, unavailable)
extension Reconnection: Sendable {}
