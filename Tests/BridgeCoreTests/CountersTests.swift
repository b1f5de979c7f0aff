// rtbridge: what is counted, and how it is shown.
// SPDX-License-Identifier: Apache-2.0

import BridgePolicy
import Testing

@testable import BridgeTelemetry

struct CountersTests {
    /// Prometheus, "Exposition formats", "Text format details".
    @Test func theTextIsThatOfPrometheus() {
        let counters = WorkerCounters()
        let route = counters.route("a \"b\" \\ c\nd")
        route.begin()
        route.begin()
        route.end(bytesIn: 3, bytesOut: 4, dropped: 0)
        route.fail("connect_failed", timeout: "timeouts.connect")
        let lines = counters.samples.text.split(separator: "\n").map(String.init)
        let label = #"route="a \"b\" \\ c\nd""#
        for line in [
            "# TYPE rtbridge_requests_total counter", "# TYPE rtbridge_requests_active gauge",
            "rtbridge_requests_active{\(label)} 1", "rtbridge_requests_total{\(label),outcome=\"ok\"} 0",
            "rtbridge_requests_total{\(label),outcome=\"connect_failed\"} 1",
            "rtbridge_timeouts_total{\(label),timeout=\"timeouts.connect\"} 1",
            "rtbridge_received_bytes_total{\(label)} 3", "rtbridge_sent_bytes_total{\(label)} 4",
        ] { #expect(lines.contains(line), "\(line)") }
        #expect(lines.filter { $0.hasPrefix("# HELP rtbridge_requests_total ") }.count == 1)
        #expect(counters.samples.text.hasSuffix("\n"))
    }

    @Test func workersAreAddedUp() {
        let (one, other) = (WorkerCounters(), WorkerCounters())
        for (counters, count) in [(one, 2), (other, 3)] {
            for _ in 0..<count { counters.route("r").retried() }
            counters.listener("l").accept()
        }
        var samples = one.samples
        samples.add(other.samples)
        #expect(samples.text.contains("rtbridge_retries_total{route=\"r\"} 5\n"))
        #expect(samples.text.contains("rtbridge_connections_total{listener=\"l\"} 2\n"))
        #expect(samples.text.contains("rtbridge_workers 2\n"))
    }

    /// A name server that gives another address each time makes no more rows than this.
    @Test func endpointsAreBounded() {
        let back = WorkerCounters().backend("b")
        for number in 0..<10_000 { back.endpoint("10.0.\(number / 256).\(number % 256):1").connected() }
        var samples = MetricSamples()
        back.read(into: &samples, backend: "b")
        let rows = samples.text.split(separator: "\n").filter { $0.hasPrefix("rtbridge_connects_total{") }
        #expect(rows.count == BackCounters.maximumEndpoints + 1)
        let others = 10_000 - BackCounters.maximumEndpoints
        #expect(rows.contains { $0.contains("endpoint=\"others\"") && $0.hasSuffix(" \(others)") })
        #expect(back.endpoint("10.0.0.0:1") === back.endpoint("10.0.0.0:1"))
    }

    @Test func anEndpointIsUnhealthyUntilItIsNot() {
        let counters = WorkerCounters()
        let endpoint = counters.backend("b").endpoint("e")
        #expect(!counters.samples.text.contains("unhealthy_workers"))
        for (state, isUnhealthy) in [("healthy", false), ("unhealthy", true), ("healthy", false)] {
            endpoint.healthChanged(state, isUnhealthy: isUnhealthy)
            let line = "rtbridge_endpoint_unhealthy_workers{backend=\"b\",endpoint=\"e\"} \(isUnhealthy ? 1 : 0)\n"
            #expect(counters.samples.text.contains(line))
        }
    }

    @Test func aBudgetRefusesWhatIsAboveItAndTakesItBack() {
        let budget = ByteBudget(limit: 10)
        #expect(budget.take(6) && !budget.take(5) && budget.take(4) && budget.isUsedUp)
        budget.give(4)
        #expect(budget.used == 6 && budget.refused == 1 && !budget.isUsedUp)
        budget.change(by: 20)
        #expect(budget.used == 26 && budget.refused == 2 && budget.isUsedUp)
        budget.change(by: -26)
        #expect(budget.used == 0)
    }
}
