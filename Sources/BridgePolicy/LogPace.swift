// rtbridge: a line now and then for what peers can bring about as often as they like.
// SPDX-License-Identifier: Apache-2.0

/// Lets one event an interval be told of, with how many there were that nobody heard of.
public struct LogPace {
    private let interval: Duration
    private var last: Duration?
    private var untold = 0

    public init(interval: Duration = .seconds(1)) { self.interval = interval }

    /// - Parameter now: of a clock that never goes back.
    /// - Returns: how many events there were since the last that was told of, this one included; nil: keep silent.
    public mutating func tell(now: Duration) -> Int? {
        untold += 1
        if let last, now - last < interval { return nil }
        last = now
        defer { untold = 0 }
        return untold
    }
}
