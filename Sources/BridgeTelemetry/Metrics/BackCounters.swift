// rtbridge: what one worker counts of a back-end.
// SPDX-License-Identifier: Apache-2.0

/// A back-end's endpoints. A name may stand for other addresses again and again: those above ``maximumEndpoints`` are
/// counted together, so that no name server decides how much is kept.
public final class BackCounters {
    public static let maximumEndpoints = 256
    /// Stands for all endpoints that have no row of their own.
    public static let others = "others"

    private var endpoints: [String: EndpointCounters] = [:]

    init() {}

    public func endpoint(_ address: String) -> EndpointCounters {
        if let known = endpoints[address] { return known }
        let name = endpoints.count < Self.maximumEndpoints ? address : Self.others
        if let known = endpoints[name] { return known }
        let made = EndpointCounters()
        endpoints[name] = made
        return made
    }

    func read(into samples: inout MetricSamples, backend: String) {
        for (address, counters) in endpoints { counters.read(into: &samples, backend: backend, endpoint: address) }
    }
}

@available(*, unavailable)
extension BackCounters: Sendable {}
