// rtbridge: which endpoints are left out for their failures.
// SPDX-License-Identifier: Apache-2.0

/// Counts an endpoint's failures in a row and leaves it out for a while, as Envoy's outlier detection does
/// (`consecutive_gateway_failure`). Times are given by the caller, from any zero that does not move.
///
/// ```
/// in ──consecutiveFailures, and others may stay──▶ out ──base × ejections in a row──▶ in
/// ```
public struct OutlierDetector: Sendable {
    private struct Endpoint {
        var failures = 0
        /// Ejections in a row; one is forgotten for each interval without another.
        var ejections = 0
        var outUntil: Duration?
        var quietSince = Duration.zero
    }

    private let parameters: OutlierParameters
    private var endpoints: [Endpoint]

    public init(_ parameters: OutlierParameters, count: Int) {
        self.parameters = parameters
        endpoints = Array(repeating: Endpoint(), count: count)
    }

    public func isOut(_ index: Int, now: Duration) -> Bool { endpoints[index].outUntil.map { now < $0 } ?? false }

    /// How many are out.
    public func outCount(now: Duration) -> Int { endpoints.indices.filter { isOut($0, now: now) }.count }

    public mutating func succeeded(_ index: Int) { endpoints[index].failures = 0 }

    /// - Returns: how long the endpoint is out from now on, or nil if it stays in.
    public mutating func failed(_ index: Int, now: Duration) -> Duration? {
        guard !isOut(index, now: now) else { return nil }
        endpoints[index].failures += 1
        guard endpoints[index].failures >= parameters.consecutiveFailures, mayEject(now: now) else { return nil }
        endpoints[index].failures = 0
        forget(index, now: now)
        endpoints[index].ejections += 1
        let time = min(parameters.baseEjectionTime * endpoints[index].ejections, parameters.maxEjectionTime)
        endpoints[index].outUntil = now + time
        endpoints[index].quietSince = now + time
        return time
    }

    /// Others that may be used have to be left: the last endpoint is never taken out, and no more than the share is.
    private func mayEject(now: Duration) -> Bool {
        let out = outCount(now: now) + 1
        return out < endpoints.count && out * 100 <= max(parameters.maxEjectionPercent * endpoints.count, 100)
            && parameters.maxEjectionPercent > 0
    }

    private mutating func forget(_ index: Int, now: Duration) {
        let quiet = now - endpoints[index].quietSince
        guard endpoints[index].ejections > 0, quiet > .zero, parameters.interval > .zero else { return }
        let intervals = quiet / parameters.interval
        endpoints[index].ejections = max(0, endpoints[index].ejections - Int(min(intervals, 1e6)))
    }

    /// The endpoints have changed.
    /// - Parameter kept: for each new endpoint its number among the old ones.
    public mutating func replace(kept: [Int?]) {
        endpoints = kept.map { $0.map { endpoints[$0] } ?? Endpoint() }
    }
}
