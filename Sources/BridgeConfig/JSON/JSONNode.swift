// rtbridge: a JSON document that knows where everything stands.
// SPDX-License-Identifier: Apache-2.0

/// A place in a text, both from 1; columns are counted in Unicode scalars.
struct JSONPosition: Sendable, Equatable {
    var line: Int
    var column: Int
}

/// A value and where it begins.
struct JSONNode: Sendable, Equatable {
    var position: JSONPosition
    var value: JSONValue
}

enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    /// As it is written: only the reader of the key knows what numbers it takes.
    case number(String)
    case string(String)
    case array([JSONNode])
    /// In the order of the file; no key twice.
    case object([JSONMember])
    /// Something that is not JSON and has been reported; nothing more is to be said about it.
    case invalid
}

struct JSONMember: Sendable, Equatable {
    var key: String
    var keyPosition: JSONPosition
    var node: JSONNode

    /// `$schema`, and keys that begin with `//`, are the user's own.
    var isComment: Bool { key == "$schema" || key.hasPrefix("//") }
}

extension JSONNode {
    /// What a path leads to, and the position of its key where it ends with one.
    func find(_ path: JSONPath) -> (node: JSONNode, keyPosition: JSONPosition?)? {
        var found: (node: JSONNode, keyPosition: JSONPosition?) = (self, nil)
        for step in path.steps {
            switch (step, found.node.value) {
            case (.key(let key), .object(let members)), (.name(let key), .object(let members)):
                guard let member = members.first(where: { $0.key == key }) else { return nil }
                found = (member.node, member.keyPosition)
            case (.index(let index), .array(let elements)):
                guard elements.indices.contains(index) else { return nil }
                found = (elements[index], nil)
            case (.key, _), (.name, _), (.index, _):
                return nil
            }
        }
        return found
    }
}
