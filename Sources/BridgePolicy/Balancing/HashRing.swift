// rtbridge: a consistent hash over endpoints.
// SPDX-License-Identifier: Apache-2.0

/// A ring of points (Karger et al., "Consistent Hashing and Random Trees", STOC 1997): a key belongs to the endpoint
/// whose point is the next one at or after it. Where an endpoint goes, its keys alone move, and to all others alike.
///
/// The same endpoints make the same ring in every worker and every process.
public struct HashRing: Sendable {
    /// Points an endpoint. Shares differ by 1/√points of their size: about 6 %.
    public static let pointsPerEndpoint = 256

    private let points: [(hash: UInt64, endpoint: Int)]

    /// - Parameter names: of the endpoints; no two alike.
    public init(_ names: [String]) {
        points = names.enumerated().flatMap { index, name in
            let base = Self.hash(name.utf8)
            return (0..<Self.pointsPerEndpoint).map { (Self.mix(base &+ UInt64($0) &* 0x9E37_79B9_7F4A_7C15), index) }
        }.sorted { $0.0 < $1.0 }
    }

    /// The endpoint that a key belongs to, among those that may be used.
    /// - Returns: nil if there is none.
    public func find(_ key: UInt64, isUsable: (Int) -> Bool) -> Int? {
        var low = 0
        var high = points.count
        while low < high {
            let middle = (low + high) / 2
            if points[middle].hash < key { low = middle + 1 } else { high = middle }
        }
        var refused: Set<Int> = []
        for offset in 0..<points.count {
            let endpoint = points[(low + offset) % points.count].endpoint
            if refused.contains(endpoint) { continue }
            if isUsable(endpoint) { return endpoint }
            refused.insert(endpoint)
        }
        return nil
    }

    /// FNV-1a of 64 bits (Fowler, Noll, Vo; the constants of draft-eastlake-fnv), and a mixer behind it, for its high
    /// bits hardly depend on the last bytes.
    public static func hash(_ bytes: some Sequence<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        return mix(hash)
    }

    /// The finaliser of SplitMix64.
    private static func mix(_ value: UInt64) -> UInt64 {
        var mixed = SeededRandom(seed: value)
        return mixed.next()
    }
}
