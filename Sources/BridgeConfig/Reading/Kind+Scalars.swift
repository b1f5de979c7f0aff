// rtbridge: flags, numbers, words, durations, sizes.
// SPDX-License-Identifier: Apache-2.0

extension Kind where Value == Bool {
    static var flag: Kind {
        Kind(
            read: { value in
                if case .bool(let flag) = value.node.value { return flag }
                value.refuseType(expected: "true or false", hint: "Write true or false, without quotes.")
                return nil
            },
            show: { "\($0)" })
    }
}

extension Kind where Value == Int {
    static func count(in range: ClosedRange<Int>) -> Kind {
        Kind(
            read: { value in
                guard case .number(let text) = value.node.value else {
                    value.refuseType(expected: "a whole number", hint: "Write for example \(range.lowerBound).")
                    return nil
                }
                guard let number = Int(text) else {
                    let isFraction = text.contains { ".eE".contains($0) }
                    value.refuse(
                        isFraction
                            ? "\(text.prefix(40)) is not written as a whole number"
                            : "\(text.prefix(40)) is outside \(range.lowerBound)...\(range.upperBound)",
                        hint: isFraction ? "Write digits alone, for example \(range.lowerBound)." : nil)
                    return nil
                }
                if range.contains(number) { return number }
                value.refuse("\(number) is outside \(range.lowerBound)...\(range.upperBound)")
                return nil
            },
            show: { "\($0)" }, bounds: range)
    }

    /// A number of bytes.
    static func size(in range: ClosedRange<Int>) -> Kind {
        let example = "Write for example \"64KiB\", \"4MiB\", or a whole number of bytes."
        let parse: (ValueReader) -> (bytes: Int, written: String)? = { value in
            if case .number(let text) = value.node.value {
                if let bytes = Int(text) { return (bytes, text) }
                value.refuse("\(text.prefix(40)) is not a whole number of bytes", hint: example)
                return nil
            }
            guard let text = value.text(expected: "a size", hint: example) else { return nil }
            do throws(Fault) {
                return (try SizeText.parse(text.value), quoted(text.written))
            } catch {
                value.refuse(text, error)
                return nil
            }
        }
        return Kind(
            read: { value in
                guard let (bytes, written) = parse(value) else { return nil }
                if range.contains(bytes) { return bytes }
                let (low, high) = (SizeText.write(range.lowerBound), SizeText.write(range.upperBound))
                value.refuse("\(written) is outside \(low)...\(high)")
                return nil
            },
            show: { SizeText.json($0) })
    }
}

extension Kind where Value == Duration {
    static func duration(in range: ClosedRange<Duration>) -> Kind {
        Kind(
            read: { value in
                guard let text = DurationText.text(value) else { return nil }
                if text.value == "off" {
                    value.refuse(
                        "\(quoted(text.written)) is not possible here",
                        hint: "Write a duration in \(DurationText.write(range)).")
                    return nil
                }
                return DurationText.read(value, text, in: range, hint: nil)
            },
            show: { quoted(DurationText.write($0)) })
    }
}

extension Kind where Value == Duration? {
    /// A timer, which `"off"` (nil) switches off.
    static func timer(in range: ClosedRange<Duration>) -> Kind {
        Kind(
            read: { value -> Duration?? in
                guard let text = DurationText.text(value) else { return nil }
                if text.value == "off" { return .some(nil) }
                guard
                    let duration = DurationText.read(
                        value, text, in: range, hint: "Write \"off\" to switch the timer off.")
                else { return nil }
                return .some(duration)
            },
            show: { $0.map { quoted(DurationText.write($0)) } ?? "\"off\"" })
    }
}

extension Kind where Value == String {
    /// One of a few words.
    /// - Parameters:
    ///   - later: Words of the contract that are not in this build.
    ///   - others: What the key takes besides words, for the hint.
    static func word(_ words: [String], later: [String] = [], others: [String] = []) -> Kind {
        Kind(
            read: { value in
                let list = words.map(quoted)
                guard let text = value.text(expected: list.joined(separator: " or ")) else { return nil }
                if words.contains(text.value) { return text.value }
                if later.contains(text.value) {
                    value.refuse(
                        text, Fault("is not supported yet", hint: "Supported: \(list.joined(separator: ", "))."))
                    return nil
                }
                let nearest = text.isReplaced ? nil : Suggestion.nearest(to: text.value, in: words)
                value.refuse(
                    text,
                    Fault(
                        "is not known here",
                        hint: Suggestion.hint(
                            for: text.value, nearest: nearest, known: list + others, title: "Known")))
                return nil
            },
            show: { quoted($0) }, words: words)
    }

    /// Any text that a parser accepts.
    static func text(_ parse: @escaping (String) throws(Fault) -> String) -> Kind {
        var kind = Kind.parsed(parse)
        kind.show = { quoted($0) }
        return kind
    }
}

extension Kind where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    /// One of the cases; those that are not in this build are left out.
    static func word(except later: [Value] = []) -> Kind where Value: Equatable {
        let built = Value.allCases.filter { !later.contains($0) }
        let word = Kind<String>.word(built.map(\.rawValue), later: later.map(\.rawValue))
        return Kind(
            read: { word.read($0).flatMap { Value(rawValue: $0) } },
            show: { quoted($0.rawValue) }, words: word.words)
    }
}

extension Kind {
    /// A value that is written as a string.
    static func parsed(
        expected: String = "a string", hint: String = "Write it in double quotes.",
        _ parse: @escaping (String) throws(Fault) -> Value
    ) -> Kind {
        Kind(read: { value in
            guard let text = value.text(expected: expected, hint: hint) else { return nil }
            do throws(Fault) {
                return try parse(text.value)
            } catch {
                value.refuse(text, error)
                return nil
            }
        })
    }
}
