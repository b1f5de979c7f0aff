// rtbridge: from a file to a checked document, or to all that is wrong with it.
// SPDX-License-Identifier: Apache-2.0

/// A configuration that can be run.
public struct LoadedConfig: Sendable, Equatable {
    public var document: Document
    /// What is legal and surely not meant, in the order of the file.
    public var warnings: [ConfigProblem]
}

public enum ConfigLoader {
    /// Of a configuration file.
    public static let maximumFileBytes = 4 * 1024 * 1024

    /// Reads and checks a configuration file. Relative paths in it start at its folder.
    /// - Throws: All problems of the file at once; one of them is that it cannot be read.
    public static func load(path: String, environment: [String: String]) throws(ConfigProblems) -> LoadedConfig {
        let bytes: [UInt8]
        do throws(FileFault) {
            bytes = try File.read(path, limit: maximumFileBytes)
        } catch {
            let problem = ConfigProblem(
                file: path, line: 0, column: 0, path: "", message: error.description)
            throw ConfigProblems(file: path, problems: [problem])
        }
        return try load(bytes, file: path, directory: File.directory(of: path), environment: environment)
    }

    /// The same for a text in memory.
    /// - Parameters:
    ///   - file: What problems call it.
    ///   - directory: Where relative paths in it start.
    public static func load(
        text: String, file: String, directory: String, environment: [String: String]
    ) throws(ConfigProblems) -> LoadedConfig {
        try load(Array(text.utf8), file: file, directory: directory, environment: environment)
    }

    static func load(
        _ bytes: [UInt8], file: String, directory: String, environment: [String: String]
    ) throws(ConfigProblems) -> LoadedConfig {
        let reading = Reading(file: file, expansion: Expansion(environment: environment, directory: directory))
        let parsed = JSONParser.parse(bytes, file: file)
        reading.adopt(parsed.problems)
        guard let root = parsed.root,
            let document = Kind<Document>.document.read(ValueReader(node: root, path: .root, reading: reading)),
            !reading.hasErrors
        else { throw ConfigProblems(file: file, problems: reading.problems) }
        Lint(document, root, reading).run()
        return LoadedConfig(document: document, warnings: reading.problems.inFileOrder())
    }
}
