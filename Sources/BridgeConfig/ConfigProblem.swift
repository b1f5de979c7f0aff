// rtbridge: one thing that is wrong, or surely not meant, in a configuration file.
// SPDX-License-Identifier: Apache-2.0

/// Where a configuration is wrong, what is wrong there, and what to write instead.
public struct ConfigProblem: Sendable, Equatable {
    public enum Severity: String, Sendable, CaseIterable { case error, warning }

    /// The file as the user named it.
    public var file: String
    /// From 1; 0 where the problem is the file itself.
    public var line: Int
    /// In characters (Unicode scalars), from 1; 0 where the problem is the file itself.
    public var column: Int
    /// `routes[2].match.path`; empty for the file or the document as a whole.
    public var path: String
    /// One line. Values stand in it as they were written, before `${…}` is replaced.
    public var message: String
    /// How to mend it, in one line.
    public var hint: String?
    public var severity: Severity

    public init(
        file: String, line: Int, column: Int, path: String, message: String, hint: String? = nil,
        severity: Severity = .error
    ) {
        self.file = file
        self.line = line
        self.column = column
        self.path = path
        self.message = message
        self.hint = hint
        self.severity = severity
    }
}

extension ConfigProblem: CustomStringConvertible {
    /// `routes.json:9:5: backends.greeter.adress: unknown key`, and the hint indented on a second line.
    public var description: String {
        var text = file
        if line > 0 { text += ":\(line):\(column)" }
        text += ": "
        if severity == .warning { text += "warning: " }
        if !path.isEmpty { text += path + ": " }
        text += message
        if let hint { text += "\n  " + hint }
        return text
    }
}
