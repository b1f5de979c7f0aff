// rtbridge: what the admin listener shows beside health.
// SPDX-License-Identifier: Apache-2.0

import BridgeTelemetry
import BridgeWire
import NIOCore

extension LocalPages {
    /// `/metrics` for Prometheus, and `/failures.json`: the latest calls and sessions that failed, with what was tried.
    static func admin(_ registry: WorkerRegistry, _ health: HealthState) -> LocalPages {
        var pages = LocalPages()
        pages.addDeferred("/metrics") { loop in
            registry.gather(on: loop) { $0.worker.counters.samples }.map { all in
                var samples = MetricSamples()
                for one in all { samples.add(one) }
                samples.addState(isReady: health.reasons.isEmpty, isDraining: health.isDraining)
                return page(MetricSamples.contentType, samples.text)
            }
        }
        pages.addDeferred("/failures.json") { loop in
            registry.gather(on: loop) { FailureReport.read($0.worker) }.map { all in
                page("application/json", FailureReport.json(all.flatMap { $0 }))
            }
        }
        return pages
    }

    private static func page(_ type: String, _ text: String) -> LocalPage {
        var fields = FieldBlock()
        fields.append("content-type", type.utf8)
        fields.append("cache-control", "no-store")
        return LocalPage(fields: fields, body: ByteBuffer(string: text))
    }
}
