// rtbridge: how many bytes may be kept in all.
// SPDX-License-Identifier: Apache-2.0

/// What one worker keeps of its clients' bytes for the case that they have to be said again, or while there is nobody
/// to say them to. Each call and session has a bound of its own; this one is for all of them together, which a great
/// many would pass at the same time. Belongs to its worker's event loop.
public final class ByteBudget {
    public let limit: Int
    public private(set) var used = 0
    /// How often there was no room.
    public private(set) var refused = 0

    public init(limit: Int) { self.limit = limit }

    public var isUsedUp: Bool { used >= limit }

    /// - Returns: whether there was room, which is then taken.
    public func take(_ count: Int) -> Bool {
        guard used + count <= limit else {
            refused += 1
            return false
        }
        used += count
        return true
    }

    public func give(_ count: Int) {
        used -= count
        precondition(used >= 0, "ByteBudget.give: more than was taken")
    }

    /// What is kept already, wherever the limit is.
    public func change(by count: Int) {
        if count > 0, used + count > limit { refused += 1 }
        used += count
        precondition(used >= 0, "ByteBudget.change: more than was taken")
    }
}

@available(*, unavailable)
extension ByteBudget: Sendable {}
