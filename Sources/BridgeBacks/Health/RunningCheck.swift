// rtbridge: one endpoint's health checks, one after the other.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgePolicy
import NIOCore

/// ```
/// asking ──answer | timeout──▶ resting ──interval──▶ asking
/// ```
final class RunningCheck {
    private let config: HealthCheck
    private let endpoint: Endpoint
    private let endpoints: EndpointSet
    private let make: () -> any HealthQuestion
    private var question: (any HealthQuestion)?
    private var timer: WheelTimer?
    private var delays: Backoff

    init(
        _ config: HealthCheck, _ endpoint: Endpoint, _ endpoints: EndpointSet,
        _ make: @escaping () -> any HealthQuestion
    ) {
        self.config = config
        self.endpoint = endpoint
        self.endpoints = endpoints
        self.make = make
        delays = Backoff(
            BackoffParameters(
                initial: config.interval, multiplier: 1, max: config.interval, jitter: .fraction(HealthChecks.jitter)))
    }

    private var worker: Worker { endpoints.worker }

    func ask() {
        let question = make()
        self.question = question
        timer = worker.timers.schedule(at: worker.now + TimeAmount(config.timeout), self)
        question.ask { [weak self] failure in self?.answered(failure) }
    }

    private func answered(_ failure: String?) {
        guard question != nil else { return }
        question = nil
        timer?.cancel()
        endpoints.checked(endpoint, failure)
        timer = worker.timers.schedule(at: worker.now + TimeAmount(delays.next(using: &worker.random)), self)
    }

    func stop() {
        timer?.cancel()
        question?.cancel()
        question = nil
    }
}

extension RunningCheck: WheelTimerTarget {
    func timerFired(_ timer: WheelTimer) {
        guard let question else { return ask() }
        question.cancel()
        answered("no answer within \(config.timeout / .seconds(1)) s (healthCheck.timeout)")
    }
}

@available(*, unavailable)
extension RunningCheck: Sendable {}
