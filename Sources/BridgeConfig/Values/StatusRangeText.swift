// rtbridge: a range of HTTP statuses as text: "200", "200-299".
// SPDX-License-Identifier: Apache-2.0

enum StatusRangeText {
    private static let example = #"Write for example "200" or "200-299"."#

    static func parse(_ text: String) throws(Fault) -> ClosedRange<Int> {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        // RFC 9110 §15: "valid status codes are within the range 100 to 599".
        let codes = parts.compactMap { part in
            part.count == 3 && part.utf8.allSatisfy(Ascii.isDigit) ? Int(part) : nil
        }.filter { 100...599 ~= $0 }
        guard codes.count == parts.count, let first = codes.first, let last = codes.last, codes.count <= 2 else {
            throw Fault("is no range of HTTP statuses", hint: example)
        }
        guard first <= last else { throw Fault("ends before it begins", hint: example) }
        return first...last
    }

    static func write(_ range: ClosedRange<Int>) -> String {
        range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
    }
}
