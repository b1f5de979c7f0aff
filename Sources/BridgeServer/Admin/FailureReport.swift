// rtbridge: the latest failures as JSON.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeTelemetry
import NIOCore

/// One failed call or session, as `/failures.json` shows it. There is no payload in it and no header field.
struct FailureReport: Sendable {
    let call: FailedCall
    let worker: Int
    /// How long ago it ended.
    let age: Duration

    static func read(_ worker: Worker) -> [FailureReport] {
        worker.refreshClock()
        return worker.failedCalls.entries.map { call in
            FailureReport(
                call: call, worker: worker.index, age: .nanoseconds((worker.now - call.endedAt).nanoseconds))
        }
    }

    /// The newest first. Bounded by the workers' rings.
    static func json(_ reports: [FailureReport]) -> String {
        let entries = reports.sorted { $0.age < $1.age }.map(\.json)
        return "{\"failures\":[\(entries.joined(separator: ",\n"))]}\n"
    }

    private var json: String {
        let failure = call.failure
        var fields = [
            Self.field("time", WallClock.timestamp(ago: age)), Self.field("route", call.route),
            Self.field("client", call.client), "\"worker\":\(worker)", Self.field("kind", failure.kind.rawValue),
            Self.field("origin", failure.origin.rawValue), Self.field("phase", failure.phase.rawValue),
            Self.field("reason", failure.reason),
        ]
        if let address = failure.address { fields.append(Self.field("address", address)) }
        if let timeout = failure.timeout { fields.append(Self.field("timeout", timeout.rawValue)) }
        if let attempts = failure.attempts {
            fields.append("\"attempts\":\(attempts.count)")
            fields.append(Self.milliseconds("elapsedMs", attempts.elapsed))
        }
        fields.append("\"timeline\":[\(call.timeline.entries.map(Self.json).joined(separator: ","))]")
        if call.timeline.forgotten > 0 { fields.append("\"forgotten\":\(call.timeline.forgotten)") }
        return "{\(fields.joined(separator: ","))}"
    }

    private static func json(_ entry: FailureTimeline.Entry) -> String {
        var fields = [milliseconds("atMs", entry.at)]
        if let took = entry.took { fields.append(milliseconds("tookMs", took)) }
        fields += [field("address", entry.address), field("phase", entry.phase), field("result", entry.result)]
        return "{\(fields.joined(separator: ","))}"
    }

    private static func field(_ name: String, _ value: String) -> String { "\"\(name)\":\(JSONText.quoted(value))" }

    /// With microseconds behind the point.
    private static func milliseconds(_ name: String, _ value: Duration) -> String {
        let microseconds = Int(value / .microseconds(1))
        return "\"\(name)\":\(Double(microseconds) / 1000)"
    }
}
