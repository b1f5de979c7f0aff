// rtbridge: reconnection that is legal and surely not meant.
// SPDX-License-Identifier: Apache-2.0

/// Finds what a route's `reconnect` cannot do as it is written.
enum ReconnectLint {
    struct Finding {
        /// Under `reconnect`.
        var key: String
        var message: String
        var hint: String
    }

    static func findings(_ route: Route) -> [Finding] {
        guard let policy = route.reconnect?.policy else { return [] }
        var findings: [Finding] = []
        let (hold, initial) = (DurationText.write(policy.maxHold), DurationText.write(policy.backoff.initial))
        if policy.maxHold <= policy.backoff.initial {
            findings.append(
                Finding(
                    key: "maxHold", message: "no second attempt comes before it is over",
                    hint: "maxHold is \(hold), backoff.initial \(initial)."))
        }
        let isUDP = route.backend.protocol == .udp
        if let idle = isUDP ? route.udp.idle : route.timeouts.idle, idle < policy.maxHold {
            let key = isUDP ? "udp.idle" : "timeouts.idle"
            findings.append(
                Finding(
                    key: "maxHold", message: "a client that is silent is closed before it is over",
                    hint: "maxHold is \(hold), \(key) \(DurationText.write(idle))."))
        }
        return findings
    }
}
