// rtbridge: the way from the root of a JSON document to a value.
// SPDX-License-Identifier: Apache-2.0

struct JSONPath: Sendable, Equatable {
    enum Step: Sendable, Equatable {
        /// A key of the contract.
        case key(String)
        /// A key that the user chose: the name of a listener, a back-end or a header field.
        case name(String)
        case index(Int)
    }

    var steps: [Step] = []

    static let root = JSONPath()

    func key(_ key: String) -> JSONPath { JSONPath(steps: steps + [.key(key)]) }
    func name(_ name: String) -> JSONPath { JSONPath(steps: steps + [.name(name)]) }
    func index(_ index: Int) -> JSONPath { JSONPath(steps: steps + [.index(index)]) }

    /// The same for all values of one kind: `routes[].match.path`, `listeners.*.address`.
    var shape: String {
        var text = ""
        for step in steps {
            switch step {
            case .key(let key): text += text.isEmpty ? key : "." + key
            case .name: text += text.isEmpty ? "*" : ".*"
            case .index: text += "[]"
            }
        }
        return text
    }
}

extension JSONPath: CustomStringConvertible {
    /// `routes[2].match.path`, `listeners["two words"].address`.
    var description: String {
        var text = ""
        for step in steps {
            switch step {
            case .key(let key), .name(let key):
                if Self.isPlain(key) {
                    text += text.isEmpty ? key : "." + key
                } else {
                    text += "[\(quoted(key))]"
                }
            case .index(let index): text += "[\(index)]"
            }
        }
        return text
    }

    private static func isPlain(_ key: String) -> Bool {
        !key.isEmpty
            && key.utf8.allSatisfy {
                switch $0 {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }
}

/// A piece of a user's text in double quotes, fit for one line of a terminal: control characters are escaped, and
/// what goes on for long is cut.
func quoted(_ text: String) -> String {
    let longest = 100
    var result = "\""
    for scalar in text.unicodeScalars.prefix(longest) {
        switch scalar {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case "\n": result += "\\n"
        case "\r": result += "\\r"
        case "\t": result += "\\t"
        case _ where scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format:
            result += "\\u{\(String(scalar.value, radix: 16))}"
        case _: result.unicodeScalars.append(scalar)
        }
    }
    return result + (text.unicodeScalars.count > longest ? "…\"" : "\"")
}
