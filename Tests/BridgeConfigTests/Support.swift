// rtbridge: what the tests of the configuration share.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import Foundation
import Testing

/// A piece of text, and all that is said of it.
struct Case: Sendable, CustomTestStringConvertible {
    var text: String
    var problems: String
    var testDescription: String { text.debugDescription }

    init(_ text: String, _ problems: String) {
        self.text = text
        self.problems = problems
    }
}

/// All that is said about a text, one string a problem or warning, without the last line.
func complaints(
    _ text: String, directory: String = "/", environment: [String: String] = [:]
) -> [String] {
    do throws(ConfigProblems) {
        let config = try ConfigLoader.load(text: text, file: "f", directory: directory, environment: environment)
        return config.warnings.map(\.description)
    } catch {
        return error.problems.map(\.description)
    }
}

/// A document that is right but for what is put in; each piece begins at the start of a line of its own:
/// a listener's keys on line 2, a back-end's on line 4, a route's on line 6, the rest on line 8.
func document(
    listener: String = #""address": "127.0.0.1:8080""#,
    backend: String = #""protocol": "tcp", "endpoints": ["a:1"]"#,
    route: String = #""backend": "tcp://a:1""#,
    rest: String = #""workers": 1"#
) -> String {
    """
    {"listeners": {"l": {
    \(listener)
    }}, "backends": {"b": {
    \(backend)
    }}, "routes": [{
    \(route)
    }],
    \(rest)
    }
    """
}

func loaded(
    _ text: String, directory: String = "/", environment: [String: String] = [:]
) throws -> Document {
    try ConfigLoader.load(text: text, file: "f", directory: directory, environment: environment).document
}

/// A folder that is removed at the end of its life.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("rtbridge-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    func write(_ text: String, to name: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path + "/" + name))
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
