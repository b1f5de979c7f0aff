// rtbridge: the choice of an endpoint, by one of the policies.
// SPDX-License-Identifier: Apache-2.0

/// A load-balancing policy with its state. The caller says which endpoints may be used, and what they have to do.
public struct Balancing: Sendable {
    public enum Policy: Sendable, Equatable { case roundRobin, leastRequest, random, hash }

    public let policy: Policy
    private var turn: RoundRobin
    private var ring: HashRing?
    private var count: Int

    /// - Parameter names: of the endpoints; no two alike.
    public init(_ policy: Policy, names: [String], start: Int) {
        self.policy = policy
        turn = RoundRobin(start: start)
        count = names.count
        ring = policy == .hash ? HashRing(names) : nil
    }

    /// Other endpoints from now on.
    public mutating func replace(names: [String]) {
        count = names.count
        if policy == .hash { ring = HashRing(names) }
    }

    /// - Parameter key: what ``Policy/hash`` goes by; a request that has nothing to hash goes anywhere.
    /// - Returns: nil if no endpoint may be used.
    public mutating func pick(
        key: UInt64?, using generator: inout some RandomNumberGenerator, load: (Int) -> Int, isUsable: (Int) -> Bool
    ) -> Int? {
        switch policy {
        case .roundRobin: return turn.pick(of: count, isUsable: isUsable)
        case .leastRequest:
            return Chance.pickLessLoaded(of: count, using: &generator, load: load, isUsable: isUsable)
        case .random: return Chance.pick(of: count, using: &generator, isUsable: isUsable)
        case .hash:
            guard let ring, let key else { return Chance.pick(of: count, using: &generator, isUsable: isUsable) }
            return ring.find(key, isUsable: isUsable)
        }
    }
}
