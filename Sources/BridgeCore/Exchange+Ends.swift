// rtbridge: how an exchange ends.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

extension Exchange {
    /// The client is gone, or the front leg refuses to go on; the leg has said so to the client already.
    public func frontAborted(_ failure: Failure) {
        guard state.closed() else { return }
        self.failure = failure
        close(.cancel)
    }

    /// The client is gone after its last byte: the back-end gets what is under way, then its end. A session's bytes that
    /// wait for a back-end go to it when it is there, if that is in time.
    ///
    /// - Parameter failure: why it is gone, where that was not in order.
    public func frontClosed(_ failure: Failure? = nil) {
        if !isOver { self.failure = failure }
        switch state.frontClosed(hasHeld: hasHeld) {
        case .finishAndDetach:
            back?.finish(nil)
            close(.detach)
        case .detach: close(.detach)
        case .outlive:
            front = nil
            // A leg may say so at its client's end, and again at its connection's.
            guard outlivesFront == nil else { break }
            outlivesFront = self
            worker.departs()
        case .cancel: close(.cancel)
        case .ignore: break
        }
    }

    /// A request without anybody who asks is none: only sessions go on for what waits.
    private var hasHeld: Bool {
        switch route.config.backend.protocol {
        case .tcp, .udp, .websocket: !held.isEmpty || reconnection?.held.byteCount ?? 0 > 0
        case .grpc, .http: false
        }
    }

    /// Ends the exchange with a failure that the client is told.
    public func fail(_ failure: Failure) {
        guard state.closed() else { return }
        self.failure = failure
        note(failure)
        front?.fail(failure)
        close(.cancel)
    }

    enum BackEnd { case detach, cancel }

    func close(_ end: BackEnd) {
        deadlineTimer?.cancel()
        if let idleLink { idleLink.watch._withUnsafeGuaranteedRef { $0.remove(self) } } else { idleTimer?.cancel() }
        reconnection?.close()
        _ = held.removeAll()
        let back = back
        if let back {
            if let address = back.address { lastAddress = address }
            lastDropped += back.dropped
            lastAttempts = back.attempts
        }
        self.back = nil
        count()
        front = nil
        if outlivesFront != nil {
            outlivesFront = nil
            worker.hasDeparted()
        }
        switch end {
        case .detach: back?.detach()
        case .cancel: back?.cancel()
        }
    }
}

extension Exchange: WheelTimerTarget {
    public func timerFired(_ timer: WheelTimer) {
        guard timer !== idleTimer else { return lookForSilence() }
        let key = front?.deadlineKey ?? ""
        let reason = "the call's deadline has passed (\(key))"
        fail(
            Failure(
                .deadlineExceeded, .bridge, .body, reason, address: back?.address,
                timeout: Failure.Timeout(rawValue: key)))
    }

    /// The time is over in which not a byte went through, unless one did.
    func lookForSilence() {
        guard let idleAfter else { return }
        guard worker.now - lastActivity < idleAfter else {
            let seconds = Double(idleAfter.nanoseconds) / 1e9
            let key: Failure.Timeout = route.config.backend.protocol == .udp ? .udpIdle : .idle
            if state.phase == .open, front?.endsInSilence == true { return endInSilence(key) }
            let reason = "no byte in either direction for \(seconds) s (\(key.rawValue))"
            fail(Failure(.idleTimeout, .bridge, .body, reason, address: back?.address, timeout: key))
            return
        }
        idleTimer = worker.timers.schedule(at: lastActivity + idleAfter, self)
    }

    private func endInSilence(_ key: Failure.Timeout) {
        guard state.closed() else { return }
        route.counters.timedOut(key.rawValue)
        front?.finish(nil)
        close(.cancel)
    }
}
