// rtbridge: one endpoint's health checks, one after the other.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgePolicy
import NIOCore

/// ```
/// asking ──once | broken | timeout──▶ resting ──(HealthAsking says when)──▶ asking
///    └──now──▶ watching ──broken | left──▶ resting
///               ↺ now, or each interval: the last answer counts again
/// ```
final class RunningCheck {
    private enum Phase {
        case asking, resting, stopped
        /// With the last answer.
        case watching(String?)
    }

    private let config: HealthCheck
    private let endpoint: Endpoint
    private let endpoints: EndpointSet
    private let make: (HealthAsking.Way) -> any HealthQuestion
    private var phase = Phase.resting
    private var question: (any HealthQuestion)?
    private var timer: WheelTimer?
    private var asking: HealthAsking
    private var wasTold = false

    init(
        _ config: HealthCheck, _ endpoint: Endpoint, _ endpoints: EndpointSet,
        _ make: @escaping (HealthAsking.Way) -> any HealthQuestion
    ) {
        self.config = config
        self.endpoint = endpoint
        self.endpoints = endpoints
        self.make = make
        asking = HealthAsking(mayWatch: config.type == .grpc, interval: config.interval)
    }

    private var worker: Worker { endpoints.worker }

    func ask() {
        let question = make(asking.way)
        self.question = question
        phase = .asking
        arm(config.timeout)
        question.ask { [weak self, weak question] answer in
            // An answer to a question that was given up is none.
            guard let self, let question, self.question === question else { return }
            worker.refreshClock()
            answered(answer)
        }
    }

    private func answered(_ answer: HealthAnswer) {
        switch answer {
        case .now(let failure):
            phase = .watching(failure)
            arm(asking.heard(using: &worker.random))
            endpoints.checked(endpoint, failure)
        case .once(let failure): rest(.answered, .some(failure))
        case .unimplemented(let reason):
            // Not of Watch: that only means that Check is asked.
            let counts = asking.way == .check
            noteUnimplemented()
            rest(.unimplemented, counts ? .some(reason) : nil)
        case .broken(let reason): rest(.broken, .some(reason))
        case .left: rest(.left, nil)
        }
    }

    /// - Parameter result: what is known of the endpoint now: nil in nil is that it is well.
    private func rest(_ end: HealthAsking.End, _ result: String??) {
        question = nil
        phase = .resting
        arm(asking.ended(end, using: &worker.random))
        if let result { endpoints.checked(endpoint, result) }
    }

    /// gRFC A17: "the client will log a message indicating that this has happened".
    private func noteUnimplemented() {
        guard asking.way == .watch, !wasTold else { return }
        wasTold = true
        worker.logger.info(
            "endpoint has no grpc.health.v1.Health/Watch: Check is asked each interval",
            metadata: ["back.name": "\(endpoints.backend.name)", "back.address": "\(endpoint.text)"])
    }

    private func arm(_ delay: Duration) {
        timer?.cancel()
        timer = worker.timers.schedule(at: worker.now + TimeAmount(delay), self)
    }

    func stop() {
        phase = .stopped
        timer?.cancel()
        question?.cancel()
        question = nil
    }
}

extension RunningCheck: WheelTimerTarget {
    func timerFired(_ timer: WheelTimer) {
        guard timer === self.timer else { return }
        switch phase {
        case .resting: ask()
        case .asking:
            question?.cancel()
            rest(.broken, "no answer within \(config.timeout / .seconds(1)) s (healthCheck.timeout)")
        case .watching(let failure):
            arm(asking.heard(using: &worker.random))
            endpoints.checked(endpoint, failure)
        case .stopped: break
        }
    }
}

@available(*, unavailable)
extension RunningCheck: Sendable {}
