// rtbridge: what may be written for a feature that is not in this build.
// SPDX-License-Identifier: Apache-2.0

/// The values of a key that ask for nothing: they are taken, all others are refused by name. `null` is always one.
indirect enum Nothing: Equatable {
    case null
    case `false`
    case zero
    case emptyList
    case word(String)
    case object([String: Nothing])

    func isAsked(by value: JSONValue) -> Bool {
        switch (self, value) {
        case (_, .null), (.false, .bool(false)), (.zero, .number("0")): return true
        case (.emptyList, .array(let elements)): return elements.isEmpty
        case (.word(let word), .string(let text)): return word == text
        case (.object(let keys), .object(let members)):
            return members.allSatisfy { $0.isComment || keys[$0.key]?.isAsked(by: $0.node.value) == true }
        case (.null, _), (.false, _), (.zero, _), (.emptyList, _), (.word, _), (.object, _): return false
        }
    }
}
