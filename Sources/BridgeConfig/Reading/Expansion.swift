// rtbridge: ${NAME} and ${file:PATH} in strings.
// SPDX-License-Identifier: Apache-2.0

/// Replaces `${NAME}` by an environment variable and `${file:PATH}` by a file's text without its last line break;
/// `$${` stands for `${`. What was put in is not looked at again.
struct Expansion {
    /// Of a file that is named in a string.
    static let maximumFileBytes = 1024 * 1024

    let environment: [String: String]
    /// Where relative paths start.
    let directory: String

    func expand(_ text: String) throws(Fault) -> String {
        guard text.utf8.contains(UInt8(ascii: "$")) else { return text }
        var result = ""
        var rest = text[...]
        while let character = rest.first {
            if rest.hasPrefix("$${") {
                result += "${"
                rest = rest.dropFirst(3)
            } else if rest.hasPrefix("${") {
                guard let end = rest.firstIndex(of: "}") else {
                    throw Fault("has a ${ that is not closed", hint: "Write ${NAME}, or $${ for the characters ${.")
                }
                result += try value(of: rest[rest.index(rest.startIndex, offsetBy: 2)..<end])
                rest = rest[rest.index(after: end)...]
            } else {
                result.append(character)
                rest = rest.dropFirst()
            }
        }
        return result
    }

    private func value(of reference: Substring) throws(Fault) -> String {
        if reference.hasPrefix("file:") { return try fileText(String(reference.dropFirst("file:".count))) }
        guard Self.isName(reference) else {
            throw Fault(
                "has ${…} around what is no name of an environment variable",
                hint: "Write ${NAME} or ${file:PATH}, or $${ for the characters ${.")
        }
        guard let value = environment[String(reference)] else {
            throw Fault(
                "needs the environment variable \(reference), which is not set",
                hint: "Set \(reference) before the start, or write the value here.")
        }
        return value
    }

    private func fileText(_ path: String) throws(Fault) -> String {
        guard !path.isEmpty else { throw Fault("names no file", hint: "Write ${file:PATH}.") }
        let bytes: [UInt8]
        do throws(FileFault) {
            bytes = try File.read(File.resolve(path, in: directory), limit: Self.maximumFileBytes)
        } catch {
            throw Fault("needs the file \(quoted(path)), which \(error)", hint: File.relativeHint)
        }
        guard var text = String(validating: bytes, as: UTF8.self) else {
            throw Fault("needs the file \(quoted(path)), which is not UTF-8")
        }
        // A CR LF is one Character.
        if text.last == "\n" || text.last == "\r\n" { text.removeLast() }
        return text
    }

    /// POSIX.1-2017 §8.1: "uppercase letters, digits, and the <underscore>"; lower case is common and taken as well.
    private static func isName(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9") ~= first) else { return false }
        return text.utf8.allSatisfy { $0 == UInt8(ascii: "_") || Ascii.isAlphanumeric($0) }
    }
}
