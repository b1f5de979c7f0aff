// rtbridge: the value of grpc-timeout.
// SPDX-License-Identifier: Apache-2.0

/// `Timeout → TimeoutValue TimeoutUnit`, a "positive integer as ASCII string of at most 8 digits" and one of `H M S m u n`
/// (gRPC doc/PROTOCOL-HTTP2.md, "Requests").
public enum GRPCTimeout {
    /// What is longer is taken for this: a hundred years, which fits any clock's arithmetic in nanoseconds.
    public static let longest = Duration.seconds(100 * 365 * 24 * 3600)

    /// The largest number that 8 digits can hold.
    static let maximumValue: Int64 = 99_999_999

    /// Reads a value. More than 8 digits are accepted, as browsers' clients send milliseconds that long.
    /// - Returns: `nil` if it is malformed; never more than ``longest``.
    public static func parse(_ bytes: some BidirectionalCollection<UInt8>) -> Duration? {
        guard let unit = bytes.last, let attoseconds = attoseconds(perUnit: unit) else { return nil }
        let digits = bytes.dropLast()
        guard !digits.isEmpty else { return nil }
        var value: Int64 = 0
        for digit in digits {
            guard digit &- 0x30 < 10 else { return nil }
            // 10^18 nanoseconds are 31 years, and every other unit is longer: there is nothing to tell apart above it.
            if value < 100_000_000_000_000_000 {
                value = value * 10 + Int64(digit - 0x30)
            } else {
                value = .max
            }
        }
        guard value != .max else { return longest }
        let (product, isTooLong) = Int128(value).multipliedReportingOverflow(by: attoseconds)
        guard !isTooLong, product < attosecondsOfLongest else { return longest }
        return Duration(attoseconds: product)
    }

    /// Writes a value of at most 8 digits in the finest unit that holds it, rounded up. What is negative is `0n`.
    public static func encode(_ duration: Duration) -> String {
        let attoseconds = max(0, duration.attoseconds)
        for (unit, perUnit) in units {
            let value = attoseconds / perUnit + (attoseconds % perUnit > 0 ? 1 : 0)
            if value <= Int128(maximumValue) { return "\(value)\(unit)" }
        }
        return "\(maximumValue)H"
    }

    private static let attosecondsOfLongest = longest.attoseconds

    private static let units: [(unit: Character, attoseconds: Int128)] = [
        ("n", 1_000_000_000), ("u", 1_000_000_000_000), ("m", 1_000_000_000_000_000),
        ("S", 1_000_000_000_000_000_000), ("M", 60_000_000_000_000_000_000), ("H", 3_600_000_000_000_000_000_000),
    ]

    private static func attoseconds(perUnit unit: UInt8) -> Int128? {
        units.first { $0.unit.asciiValue == unit }?.attoseconds
    }
}
