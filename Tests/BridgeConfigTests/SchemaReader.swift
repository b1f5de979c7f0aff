// rtbridge: the part of JSON Schema that the schema uses, for tests.
// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import BridgeConfig

/// Walks a schema and lists its properties by ``JSONPath/shape``.
struct SchemaReader {
    struct Property {
        var description: String?
        var isRequired = false
        var isNullable = false
        /// As JSON, in the readers' spelling.
        var defaultValue: String?
        var words: [String] = []
        var minimum: String?
        var maximum: String?
    }

    let root: JSONNode

    // MARK: - Properties

    func properties() throws -> [String: Property] {
        var found: [String: Property] = [:]
        try collect(root, JSONPath.root, into: &found)
        return found
    }

    private func collect(_ schema: JSONNode, _ path: JSONPath, into found: inout [String: Property]) throws {
        for variant in try variants(of: schema) {
            let required = strings(variant["required"])
            for member in variant["properties"]?.members ?? [] {
                let place = path.key(member.key)
                var property = try property(member.node)
                property.isRequired = required.contains(member.key)
                found[place.shape] = property
                if property.description?.hasPrefix("Not supported yet") == true { continue }
                try collect(member.node, place, into: &found)
            }
            if let entries = variant["additionalProperties"], entries.value != .bool(false) {
                try collect(entries, path.name(""), into: &found)
            }
            if let items = variant["items"] { try collect(items, path.index(0), into: &found) }
        }
    }

    private func property(_ schema: JSONNode) throws -> Property {
        var property = Property()
        property.description = schema["description"]?.string
        property.defaultValue = schema["default"].map(json)
        for variant in try variants(of: schema) {
            let types = strings(variant["type"]) + [variant["type"]?.string].compactMap { $0 }
            if types.contains("null") { property.isNullable = true }
            for word in strings(variant["enum"]) where !property.words.contains(word) { property.words.append(word) }
            for items in try variant["items"].map({ try variants(of: $0) }) ?? [] {
                for word in strings(items["enum"]) where !property.words.contains(word) { property.words.append(word) }
            }
            property.minimum = property.minimum ?? (variant["minimum"] ?? variant["const"])?.number
            property.maximum = property.maximum ?? (variant["maximum"] ?? variant["const"])?.number
        }
        return property
    }

    // MARK: - References

    /// The schema itself, what it refers to, and all that it may be.
    private func variants(of schema: JSONNode) throws -> [JSONNode] {
        var variants = [schema]
        if let reference = schema["$ref"]?.string {
            let name = try #require(reference.split(separator: "/").last.map(String.init))
            variants += try self.variants(of: try #require(root["$defs"]?[name], "\(reference)"))
        }
        for choice in schema["anyOf"]?.elements ?? [] { variants += try self.variants(of: choice) }
        return variants
    }

    /// Places of objects with properties that take any other key as well, or no comments.
    var openObjects: [JSONPosition] { openObjects(in: root) }

    private func openObjects(in node: JSONNode) -> [JSONPosition] {
        var found: [JSONPosition] = []
        let isUnbuilt = node["description"]?.string?.hasPrefix("Not supported yet") == true
        // The object under "not" is a condition, not a description.
        let isShape = node["properties"]?.members != nil && node["description"]?.string != nil && !isUnbuilt
        if isShape, node["additionalProperties"]?.value != .bool(false) || node["patternProperties"] == nil {
            found.append(node.position)
        }
        for member in node.members ?? [] { found += openObjects(in: member.node) }
        for element in node.elements ?? [] { found += openObjects(in: element) }
        return found
    }

    // MARK: - Values

    private func strings(_ node: JSONNode?) -> [String] { node?.elements?.compactMap(\.string) ?? [] }

    private func json(_ node: JSONNode) -> String {
        switch node.value {
        case .null, .invalid: "null"
        case .bool(let flag): "\(flag)"
        case .number(let text): text
        case .string(let text): quoted(text)
        case .array(let nodes): "[" + nodes.map(json).joined(separator: ", ") + "]"
        case .object(let members):
            "{" + members.map { quoted($0.key) + ": " + json($0.node) }.joined(separator: ", ") + "}"
        }
    }
}

extension JSONNode {
    fileprivate var members: [JSONMember]? {
        guard case .object(let members) = value else { return nil }
        return members
    }
    fileprivate var elements: [JSONNode]? {
        guard case .array(let elements) = value else { return nil }
        return elements
    }
    fileprivate var string: String? {
        guard case .string(let text) = value else { return nil }
        return text
    }
    fileprivate var number: String? {
        guard case .number(let text) = value else { return nil }
        return text
    }
    fileprivate subscript(_ key: String) -> JSONNode? { members?.first { $0.key == key }?.node }
}
