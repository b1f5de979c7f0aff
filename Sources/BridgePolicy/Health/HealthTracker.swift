// rtbridge: whether an endpoint is well, by what checks of it have shown.
// SPDX-License-Identifier: Apache-2.0

/// Turns single checks into a state that does not flutter.
///
/// ```
/// unknown ──1st good──▶ healthy ──unhealthyThreshold failures in a row──▶ unhealthy
///    └──unhealthyThreshold failures in a row──▶ unhealthy ──healthyThreshold good in a row──▶ healthy
/// ```
/// What was not asked yet counts as healthy: a bridge that has just started sends calls at once.
public struct HealthTracker: Sendable, Equatable {
    public enum State: String, Sendable { case unknown, healthy, unhealthy }

    public private(set) var state = State.unknown
    private let healthyThreshold: Int
    private let unhealthyThreshold: Int
    private var inARow = 0
    private var lastWasGood = true

    public init(healthyThreshold: Int, unhealthyThreshold: Int) {
        self.healthyThreshold = healthyThreshold
        self.unhealthyThreshold = unhealthyThreshold
    }

    public var isUsable: Bool { state != .unhealthy }

    /// - Returns: whether the state has changed.
    public mutating func checked(isGood: Bool) -> Bool {
        inARow = isGood == lastWasGood ? min(inARow, Int.max - 1) + 1 : 1
        lastWasGood = isGood
        let before = state
        switch (state, isGood) {
        case (.unknown, true): state = .healthy
        case (.unhealthy, true) where inARow >= healthyThreshold: state = .healthy
        case (.unknown, false) where inARow >= unhealthyThreshold, (.healthy, false) where inARow >= unhealthyThreshold:
            state = .unhealthy
        case (.unknown, false), (.healthy, _), (.unhealthy, _): break
        }
        return state != before
    }
}
