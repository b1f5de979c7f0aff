// rtbridge: the value of grpc-timeout.
// SPDX-License-Identifier: Apache-2.0

/// `Timeout → TimeoutValue TimeoutUnit`, a "positive integer as ASCII string of at most 8 digits" and one of `H M S m u n`
/// (gRPC doc/PROTOCOL-HTTP2.md, "Requests").
public enum GRPCTimeout {
    /// What is longer is taken for this: a hundred years, which fits any clock's arithmetic in nanoseconds.
    public static let longest = Duration.nanoseconds(nanosecondsOfLongest)

    /// The largest number that 8 digits can hold.
    static let maximumValue: Int64 = 99_999_999

    /// Reads a value. More than 8 digits are accepted, as browsers' clients send milliseconds that long.
    /// - Returns: `nil` if it is malformed; never more than ``longest``.
    public static func parse(_ bytes: some BidirectionalCollection<UInt8>) -> Duration? {
        guard let unit = bytes.last, let perUnit = nanoseconds(perUnit: unit) else { return nil }
        let digits = bytes.dropLast()
        guard !digits.isEmpty else { return nil }
        var value: Int64 = 0
        var isTooLong = false
        for digit in digits {
            guard digit &- 0x30 < 10 else { return nil }
            // All digits are looked at: what is malformed stays so, however long it is.
            if isTooLong { continue }
            let (tenfold, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tenfold.addingReportingOverflow(Int64(digit &- 0x30))
            (value, isTooLong) = (sum, overflow || carry)
        }
        let (nanoseconds, overflow) = value.multipliedReportingOverflow(by: perUnit)
        guard !isTooLong, !overflow, nanoseconds < nanosecondsOfLongest else { return longest }
        return .nanoseconds(nanoseconds)
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

    private static let nanosecondsOfLongest: Int64 = 100 * 365 * 24 * 3600 * 1_000_000_000

    private static let units: [(unit: Character, attoseconds: Int128)] = [
        ("n", 1_000_000_000), ("u", 1_000_000_000_000), ("m", 1_000_000_000_000_000),
        ("S", 1_000_000_000_000_000_000), ("M", 60_000_000_000_000_000_000), ("H", 3_600_000_000_000_000_000_000),
    ]

    private static func nanoseconds(perUnit unit: UInt8) -> Int64? {
        switch unit {
        case UInt8(ascii: "n"): 1
        case UInt8(ascii: "u"): 1000
        case UInt8(ascii: "m"): 1_000_000
        case UInt8(ascii: "S"): 1_000_000_000
        case UInt8(ascii: "M"): 60_000_000_000
        case UInt8(ascii: "H"): 3_600_000_000_000
        default: nil
        }
    }
}
