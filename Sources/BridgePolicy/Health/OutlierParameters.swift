// rtbridge: when an endpoint is left out for its failures.
// SPDX-License-Identifier: Apache-2.0

/// As in Envoy's outlier detection, whose defaults these are but for the percentage.
public struct OutlierParameters: Sendable, Equatable {
    /// Failures in a row.
    public var consecutiveFailures = 5
    /// Each time this goes by without an ejection the next one is a step shorter.
    public var interval: Duration = .seconds(10)
    /// The first ejection lasts this long, the n-th in a row n times as long.
    public var baseEjectionTime: Duration = .seconds(30)
    public var maxEjectionTime: Duration = .seconds(300)
    /// No more than this share of the endpoints is out at a time; one that is left is never taken out.
    public var maxEjectionPercent = 50

    public init() {}
}
