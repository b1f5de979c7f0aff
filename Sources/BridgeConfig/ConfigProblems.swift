// rtbridge: all that is wrong in a configuration file.
// SPDX-License-Identifier: Apache-2.0

/// Every problem of one file, at least one of them an error, in the order of the file.
public struct ConfigProblems: Error, Sendable, Equatable {
    public let file: String
    public let problems: [ConfigProblem]

    public init(file: String, problems: [ConfigProblem]) {
        self.file = file
        self.problems = problems.inFileOrder()
    }
}

extension ConfigProblems: CustomStringConvertible {
    /// The problems, then `rtbridge: 2 problems in routes.json; nothing was started.`
    public var description: String {
        let warnings = problems.count { $0.severity == .warning }
        let errors = problems.count - warnings
        var count = errors == 1 ? "1 problem" : "\(errors) problems"
        if warnings > 0 { count += warnings == 1 ? " and 1 warning" : " and \(warnings) warnings" }
        return problems.map { $0.description + "\n" }.joined()
            + "rtbridge: \(count) in \(file); nothing was started."
    }
}

extension [ConfigProblem] {
    /// Sorted by line and column; problems of one place stay in the order in which they were found.
    func inFileOrder() -> [ConfigProblem] {
        enumerated().sorted {
            ($0.element.line, $0.element.column, $0.offset) < ($1.element.line, $1.element.column, $1.offset)
        }.map(\.element)
    }
}
