// rtbridge: reading the options of a back-end.
// SPDX-License-Identifier: Apache-2.0

import BridgePolicy

extension Kind where Value == Keepalive {
    static var keepalive: Kind {
        .object { o in
            var keepalive = Keepalive()
            // gRPC A8: clients of gRPC take nothing below 10 s, whatever they are told.
            o.read(
                "interval", into: &keepalive.interval,
                as: .timer(in: .seconds(10)...DurationText.anyTimer.upperBound))
            o.read("timeout", into: &keepalive.timeout, as: .duration(in: DurationText.anyTimer))
            return keepalive
        }
    }
}

extension Kind where Value == HealthCheck {
    static var healthCheck: Kind {
        .object(synonyms: ["kind": "type", "protocol": "type"]) { o in
            let type = o.required("type", as: Kind<HealthCheck.Method>.word(), hint: #"Write "grpc", "http" or "tcp"."#)
            var check = HealthCheck(type: type ?? .tcp)
            o.read("service", into: &check.service, as: .text { text throws(Fault) in text })
            o.read("path", into: &check.path, as: .text(MatchText.path))
            o.read("expectStatus", into: &check.expectStatus, as: .statusRange)
            o.read("interval", into: &check.interval, as: .duration(in: DurationText.anyTimer))
            o.read("timeout", into: &check.timeout, as: .duration(in: DurationText.anyTimer))
            o.read("healthyThreshold", into: &check.healthyThreshold, as: .count(in: 1...100))
            o.read("unhealthyThreshold", into: &check.unhealthyThreshold, as: .count(in: 1...100))
            if type != nil, type != .grpc, o.has("service") {
                o.refuse("service", "is asked for by grpc alone", hint: #"Leave it out, or write "type": "grpc"."#)
            }
            for key in ["path", "expectStatus"] where type != nil && type != .http && o.has(key) {
                o.refuse(key, "is looked at by http alone", hint: #"Leave it out, or write "type": "http"."#)
            }
            return type == nil ? nil : check
        }
    }
}

extension Kind where Value == ClosedRange<Int> {
    static var statusRange: Kind {
        var kind = Kind.parsed(StatusRangeText.parse)
        kind.show = { quoted(StatusRangeText.write($0)) }
        return kind
    }
}

extension Kind where Value == OutlierParameters {
    static var outlierDetection: Kind {
        .object { o in
            var outlier = OutlierParameters()
            o.read("consecutiveFailures", into: &outlier.consecutiveFailures, as: .count(in: 1...1_000_000))
            o.read("interval", into: &outlier.interval, as: .duration(in: DurationText.anyTimer))
            o.read("baseEjectionTime", into: &outlier.baseEjectionTime, as: .duration(in: DurationText.anyTimer))
            o.read("maxEjectionTime", into: &outlier.maxEjectionTime, as: .duration(in: DurationText.anyTimer))
            o.read("maxEjectionPercent", into: &outlier.maxEjectionPercent, as: .count(in: 0...100))
            if outlier.maxEjectionTime < outlier.baseEjectionTime {
                let (base, most) = (outlier.baseEjectionTime, outlier.maxEjectionTime)
                o.refuse(
                    o.has("maxEjectionTime") ? "maxEjectionTime" : "baseEjectionTime",
                    "maxEjectionTime is shorter than baseEjectionTime",
                    hint:
                        "baseEjectionTime is \(DurationText.write(base)), maxEjectionTime \(DurationText.write(most)).")
            }
            return outlier
        }
    }
}

extension Kind where Value == BreakerLimits {
    static var circuitBreaker: Kind {
        .object { o in
            var limits = BreakerLimits()
            o.read("maxConnections", into: &limits.maxConnections, as: .count(in: 1...10_000_000))
            o.read("maxPendingRequests", into: &limits.maxPendingRequests, as: .count(in: 1...10_000_000))
            o.read("maxRequests", into: &limits.maxRequests, as: .count(in: 1...10_000_000))
            return limits
        }
    }
}
