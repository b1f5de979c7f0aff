// rtbridge: durations as text: "250ms", "1.5s", "1m30s".
// SPDX-License-Identifier: Apache-2.0

enum DurationText {
    /// What any timer may be set to: a millisecond to a year.
    static let anyTimer = Duration.milliseconds(1)...Duration.seconds(365 * 24 * 3600)

    private static let example = #"Write for example "250ms", "1.5s", "1m30s" or "2h"."#

    /// Largest first: the order in which parts of a duration are written.
    private static let units: [(name: String, nanoseconds: Int64)] = [
        ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000),
    ]

    // MARK: - Reading

    static func text(_ value: ValueReader) -> Text? {
        if case .number(let number) = value.node.value {
            let shown = number.prefix(40)
            value.refuse(
                "\(shown) has no unit", hint: "Write \"\(shown)s\" for seconds or \"\(shown)ms\" for milliseconds.")
            return nil
        }
        return value.text(expected: "a duration", hint: example)
    }

    static func read(_ value: ValueReader, _ text: Text, in range: ClosedRange<Duration>, hint: String?) -> Duration? {
        do throws(Fault) {
            let duration = try parse(text.value)
            guard range.contains(duration) else {
                throw Fault("is outside \(write(range))", hint: duration == .zero ? hint : nil)
            }
            return duration
        } catch {
            value.refuse(text, error)
            return nil
        }
    }

    /// Parts of a number and a unit, each unit at most once, the largest first.
    static func parse(_ text: String) throws(Fault) -> Duration {
        var rest = text.utf8[...]
        var next = 0
        var total: Int64 = 0
        if rest.isEmpty { throw Fault("is not a duration", hint: example) }
        while !rest.isEmpty {
            let number = rest.prefix { Ascii.isDigit($0) || $0 == UInt8(ascii: ".") }
            rest = rest.dropFirst(number.count)
            let name = rest.prefix(while: Ascii.isLetter)
            rest = rest.dropFirst(name.count)
            guard let parts = decimal(number) else { throw Fault("is not a duration", hint: example) }
            if name.isEmpty, rest.isEmpty, next == 0 {
                throw Fault("has no unit", hint: example, correction: "\"\(text)s\" or \"\(text)ms\"")
            }
            guard let unit = units.firstIndex(where: { $0.name.utf8.elementsEqual(name) }) else {
                throw Fault("is not a duration", hint: "The units are h, m, s and ms. " + example)
            }
            guard unit >= next else { throw Fault("has its units in the wrong order", hint: example) }
            next = unit + 1
            guard let part = nanoseconds(parts, of: units[unit].nanoseconds) else { throw Fault("is too long") }
            let (sum, overflow) = total.addingReportingOverflow(part)
            if overflow { throw Fault("is too long") }
            total = sum
        }
        return .nanoseconds(total)
    }

    /// Digits, and digits after a point; both at most nine long, and the whole ones not missing.
    private static func decimal(_ number: Substring.UTF8View) -> (whole: Int64, fraction: Substring.UTF8View)? {
        let parts = number.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard let whole = parts.first, 1...9 ~= whole.count, parts.count <= 2,
            let value = Int64(Substring(whole))
        else { return nil }
        if parts.count == 1 { return (value, whole.prefix(0)) }
        return 1...9 ~= parts[1].count ? (value, parts[1]) : nil
    }

    private static func nanoseconds(
        _ number: (whole: Int64, fraction: Substring.UTF8View), of unit: Int64
    ) -> Int64? {
        var (result, overflow) = number.whole.multipliedReportingOverflow(by: unit)
        if overflow { return nil }
        var share = unit
        for digit in number.fraction {
            share /= 10
            (result, overflow) = result.addingReportingOverflow(Int64(digit - UInt8(ascii: "0")) * share)
            if overflow { return nil }
        }
        return result
    }

    // MARK: - Writing

    /// The shortest text that ``parse(_:)`` reads back; what is below a nanosecond is left out.
    static func write(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        var rest = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
        var text = ""
        for unit in units.prefix(2) where rest >= unit.nanoseconds {
            text += "\(rest / unit.nanoseconds)\(unit.name)"
            rest %= unit.nanoseconds
        }
        if rest >= 1_000_000_000 {
            text += fraction(rest, of: 1_000_000_000) + "s"
        } else if rest > 0 {
            text += fraction(rest, of: 1_000_000) + "ms"
        }
        return text.isEmpty ? "0s" : text
    }

    static func write(_ range: ClosedRange<Duration>) -> String {
        "\(write(range.lowerBound))...\(write(range.upperBound))"
    }

    private static func fraction(_ nanoseconds: Int64, of unit: Int64) -> String {
        let (whole, rest) = nanoseconds.quotientAndRemainder(dividingBy: unit)
        if rest == 0 { return "\(whole)" }
        var digits = String(rest)
        digits = String(repeating: "0", count: String(unit).utf8.count - 1 - digits.utf8.count) + digits
        while digits.hasSuffix("0") { digits.removeLast() }
        return "\(whole).\(digits)"
    }
}
