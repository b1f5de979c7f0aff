// rtbridge: endpoints in turn.
// SPDX-License-Identifier: Apache-2.0

/// Each time the next endpoint in order that may be used.
public struct RoundRobin: Sendable {
    private var next: Int

    /// - Parameter start: so that workers do not all begin with the same one.
    public init(start: Int) { next = start }

    /// - Returns: nil if none of `count` endpoints may be used.
    public mutating func pick(of count: Int, isUsable: (Int) -> Bool) -> Int? {
        for offset in 0..<count {
            let index = (next + offset) % count
            guard isUsable(index) else { continue }
            next = (index + 1) % count
            return index
        }
        return nil
    }
}
