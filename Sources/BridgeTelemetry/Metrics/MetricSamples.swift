// rtbridge: what was counted, of one worker or of all.
// SPDX-License-Identifier: Apache-2.0

/// One label of a sample.
public struct MetricLabel: Sendable, Hashable {
    public let name: String
    public let value: String

    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }
}

/// Samples by family and labels; two of the same labels are one, the sum.
public struct MetricSamples: Sendable {
    private(set) var values: [MetricFamily: [[MetricLabel]: Int]] = [:]

    public init() {}

    mutating func add(_ family: MetricFamily, _ labels: [MetricLabel], _ value: Int) {
        values[family, default: [:]][labels, default: 0] += value
    }

    /// What is so of the whole process.
    public mutating func addState(isReady: Bool, isDraining: Bool) {
        add(.ready, [], isReady ? 1 : 0)
        add(.draining, [], isDraining ? 1 : 0)
    }

    public mutating func add(_ other: MetricSamples) {
        for (family, samples) in other.values {
            for (labels, value) in samples { add(family, labels, value) }
        }
    }

    /// The text format 0.0.4 of Prometheus ("Exposition formats"), sorted, so that two readings can be compared.
    public var text: String {
        var text = ""
        for (family, samples) in values.sorted(by: { $0.key.name < $1.key.name }) {
            text += "# HELP \(family.name) \(family.help)\n# TYPE \(family.name) \(family.kind.rawValue)\n"
            text += samples.map { "\(family.name)\(Self.labels($0.key)) \($0.value)\n" }.sorted().joined()
        }
        return text
    }

    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private static func labels(_ labels: [MetricLabel]) -> String {
        guard !labels.isEmpty else { return "" }
        return "{" + labels.map { "\($0.name)=\"\(escaped($0.value))\"" }.joined(separator: ",") + "}"
    }

    /// "label_value can be any sequence of UTF-8 characters, but the backslash (\), double-quote ("), and line feed (\n)
    /// characters have to be escaped as \\, \", and \n, respectively."
    static func escaped(_ value: String) -> String {
        var escaped = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\"": escaped += "\\\""
            case "\n": escaped += "\\n"
            case _: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
