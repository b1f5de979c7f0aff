// rtbridge: an exchange whose back-end goes away.
// SPDX-License-Identifier: Apache-2.0

import BridgePolicy
import NIOCore

extension Exchange {
    /// A back leg that is lost is asked for what it has not written.
    public var keepsUnwritten: Bool { reconnection?.keepsUnwritten ?? false }

    /// What a new back leg is given first goes on a message whose beginning the lost one had written.
    public var isMidMessage: Bool { reconnection?.isMidMessage ?? false }

    /// The bridge shuts down: a client that waits for a back-end which could not be reached yet waits no longer.
    public func stopWaiting() {
        guard let reconnection, state.phase == .opening, reconnection.state.attempts > 1 || back == nil else { return }
        fail(Failure(.draining, .bridge, .connect, "rtbridge is shutting down"))
    }

    /// The back-end ended its side in order.
    /// - Returns: whether that is a loss, because the client stays; then all is done.
    func lostByEnd() -> Bool {
        guard let reconnection, state.phase == .open, !state.hasBackEnded, reconnection.keepsUnwritten else {
            return false
        }
        let failure = Failure(
            .connectionLost, .back, .body, "the back-end closed the connection", address: backAddress)
        return backLost(failure, .ended)
    }

    /// The back-end could not be reached, or is lost.
    /// - Returns: whether that was all; else an end that the client is to be told stands as it is.
    @discardableResult
    func backLost(_ failure: Failure, _ loss: ReconnectState.Loss) -> Bool {
        guard let reconnection, let back, state.phase != .closed else { return true }
        let isWaiting = state.phase != .open
        guard isRecoverable(failure), !(worker.isDraining && state.phase == .opening) else {
            fail(failure)
            return true
        }
        let unwritten = back.takeUnwritten()
        // A client that has ended its side waits for an answer alone: no new session could give it.
        let isLast = state.hasFrontEnded && !isWaiting && !(reconnection.resumes && !unwritten.pieces.isEmpty)
        switch isLast ? .end : reconnection.lost(failure, loss, unwritten) {
        case .retry(let attempt, let delay):
            waitForNewBack(reconnection, unwritten, attempt, delay)
        case .end:
            guard loss == .failed else { return false }
            fail(failure)
        case .giveUp: fail(reconnection.finalFailure(failure))
        case .ignore: break
        }
        return true
    }

    /// What another attempt may mend: not a message that is too long.
    private func isRecoverable(_ failure: Failure) -> Bool {
        switch failure.kind {
        // RFC 9110 §15.6: what stands before the back-end says that it is away.
        case .handshakeRefused: failure.answer.map { 502...504 ~= $0.status } ?? false
        case .resolveFailed, .connectFailed, .tlsFailed, .connectTimeout, .connectionLost, .refused: true
        // All places are taken; the session's own may have gone to another while it was lost.
        case .overloaded: state.phase == .reconnecting
        default: false
        }
    }

    private func waitForNewBack(
        _ reconnection: Reconnection, _ unwritten: Unwritten, _ attempt: Int, _ delay: Duration
    ) {
        state.reconnects()
        lastAddress = back?.address ?? lastAddress
        lastDropped += back?.dropped ?? 0
        isBackWaiting = false
        back?.cancel()
        back = nil
        guard state.phase == .reconnecting else { return }
        front?.backReconnecting(attempt: attempt, delay: delay)
        guard state.phase == .reconnecting else { return }
        settleHeld(reconnection.held.restore(unwritten, resumes: reconnection.continuesMessages))
    }

    /// The client sent something while there is no back-end.
    func holdForNewBack(_ bytes: ByteBuffer, _ flags: BodyFlags) {
        guard let reconnection else { return }
        settleHeld(reconnection.held.append(bytes, flags))
    }

    private func settleHeld(_ result: HeldMessages.OnAppend) {
        switch result {
        case .kept: front?.taken()
        case .full: break
        case .dropped(let cutsMessage):
            if cutsMessage { state.skipRestOfMessage() }
            front?.taken()
        case .overflowed:
            let reason = "the client sent more than reconnect.bufferBytes while there was no back-end"
            fail(Failure(.overloaded, .bridge, .body, reason, address: backAddress))
        }
    }
}
