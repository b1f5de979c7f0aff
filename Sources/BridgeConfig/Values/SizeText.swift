// rtbridge: numbers of bytes as text: "64KiB", "4MiB".
// SPDX-License-Identifier: Apache-2.0

enum SizeText {
    /// IEC 80000-13: binary prefixes.
    private static let units: [(name: String, bytes: Int)] = [
        ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1),
    ]
    private static let example = #"Write for example "64KiB", "4MiB", or a whole number of bytes."#

    static func parse(_ text: String) throws(Fault) -> Int {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let name = text.dropFirst(digits.count)
        guard !digits.isEmpty else { throw Fault("is not a size", hint: example) }
        guard let number = Int(digits) else { throw Fault("is too large") }
        if name.isEmpty { return number }
        guard let unit = units.first(where: { $0.name == name }) else {
            if let meant = units.first(where: { $0.name.first == name.uppercased().first && $0.bytes > 1 }),
                ["", "B", "IB"].contains(name.uppercased().dropFirst())
            {
                throw Fault(
                    "has a unit that means 1000 to some and 1024 to others",
                    hint: "Write \(meant.name) for a unit of \(meant.bytes) bytes.",
                    correction: "\"\(digits)\(meant.name)\"")
            }
            throw Fault("is not a size", hint: example)
        }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: unit.bytes)
        if overflow { throw Fault("is too large") }
        return bytes
    }

    /// In the largest unit that leaves no fraction.
    static func write(_ bytes: Int) -> String {
        for unit in units where bytes != 0 && bytes % unit.bytes == 0 { return "\(bytes / unit.bytes)\(unit.name)" }
        return "\(bytes)B"
    }

    /// A default as it stands in the schema: a string where a unit makes it shorter, otherwise the number.
    static func json(_ bytes: Int) -> String {
        bytes != 0 && bytes % 1024 == 0 ? quoted(write(bytes)) : "\(bytes)"
    }
}
