// rtbridge: what one pass over a configuration file needs and finds.
// SPDX-License-Identifier: Apache-2.0

/// Collects problems, so that a reader reports and goes on; and the keys that were asked for, so that a test can hold
/// them against the schema.
final class Reading {
    let file: String
    let expansion: Expansion
    private(set) var problems: [ConfigProblem] = []
    /// By ``JSONPath/shape``.
    private(set) var keys: [String: KeyFacts] = [:]

    init(file: String, expansion: Expansion) {
        self.file = file
        self.expansion = expansion
    }

    var hasErrors: Bool { problems.contains { $0.severity == .error } }

    func report(
        at position: JSONPosition, _ path: JSONPath, _ message: String, hint: String?,
        severity: ConfigProblem.Severity = .error
    ) {
        problems.append(
            ConfigProblem(
                file: file, line: position.line, column: position.column, path: path.description, message: message,
                hint: hint, severity: severity))
    }

    func adopt(_ found: [ConfigProblem]) { problems += found }

    func note(_ path: JSONPath, _ facts: KeyFacts) { keys[path.shape] = facts }
}

/// What the readers know of a key.
struct KeyFacts: Equatable {
    enum Presence: Equatable {
        case required
        /// May be left out or null.
        case optional
        /// The default, as JSON.
        case defaulted(String)
        /// Not in this build; may say what asks for nothing.
        case later(Nothing)
    }

    var presence: Presence
    /// All values, where they are words.
    var words: [String] = []
    /// All values, where they are whole numbers.
    var bounds: ClosedRange<Int>?
}
