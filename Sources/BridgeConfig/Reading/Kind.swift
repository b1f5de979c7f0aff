// rtbridge: what kind of value a key takes.
// SPDX-License-Identifier: Apache-2.0

/// How a value is read, and how a default is written.
struct Kind<Value> {
    /// nil: something is wrong, and it has been reported.
    var read: (ValueReader) -> Value?
    /// The value as JSON; nil for objects, whose defaults are inside.
    var show: ((Value) -> String)?
    /// All values, where they are words.
    var words: [String] = []
    /// All values, where they are whole numbers.
    var bounds: ClosedRange<Int>?
}

// MARK: - Composite values

extension Kind {
    /// An object of the contract. The closure asks for every key, whatever is wrong with some.
    static func object(
        synonyms: [String: String] = [:], _ body: @escaping (ObjectReader) -> Value?
    ) -> Kind {
        Kind(read: { value in
            guard case .object(let members) = value.node.value else {
                value.refuseType(expected: "an object", hint: "Objects are written { … }.")
                return nil
            }
            let object = ObjectReader(value, members, synonyms: synonyms)
            let result = body(object)
            object.finish()
            return result
        })
    }

    /// A list. Elements in which something is wrong are left out.
    static func list<Element>(of element: Kind<Element>, atLeast least: Int = 0) -> Kind where Value == [Element] {
        Kind(
            read: { value in
                guard case .array(let nodes) = value.node.value else {
                    value.refuseType(expected: "a list", hint: "Lists are written [ … ], one entry or many.")
                    return nil
                }
                if nodes.count < least { value.refuse("the list is empty", hint: "Write at least one entry.") }
                return nodes.enumerated().compactMap { index, node in
                    node.value == .invalid ? nil : element.read(value.child(node, value.path.index(index)))
                }
            },
            show: element.show.map { show in { "[" + $0.map(show).joined(separator: ", ") + "]" } },
            words: element.words)
    }

    /// A list in which nothing stands twice.
    static func distinct<Element: Hashable>(
        _ element: Kind<Element>, atLeast least: Int = 0
    ) -> Kind where Value == [Element] {
        var seen: Set<Element> = []
        let once = Kind<Element>(
            read: { value in
                guard let read = element.read(value) else { return nil }
                if seen.insert(read).inserted { return read }
                value.refuse("stands in the list twice", hint: "Remove one of the two.")
                return nil
            },
            show: element.show, words: element.words)
        var list = Kind.list(of: once, atLeast: least)
        let read = list.read
        list.read = { value in
            seen = []
            return read(value)
        }
        return list
    }

    /// An object whose keys are the user's names. A value in which something is wrong is nil, its name is kept.
    static func named<Entry>(
        atLeast least: Int = 0, _ kind: @escaping (String) -> Kind<Entry>
    ) -> Kind where Value == [Named<Entry>] {
        Kind(read: { value in
            guard case .object(let members) = value.node.value else {
                value.refuseType(expected: "an object", hint: #"Objects are written { "name": … }."#)
                return nil
            }
            let entries = members.filter { !$0.isComment }
            if entries.count < least { value.refuse("the object is empty", hint: "Write at least one entry.") }
            return entries.map { member in
                let path = value.path.name(member.key)
                let reader = value.child(member.node, path)
                if member.key.isEmpty || member.key.utf8.contains(where: Ascii.isControl) {
                    value.reading.report(
                        at: member.keyPosition, path, "is no name", hint: "Write at least one visible character.")
                }
                let entry = member.node.value == .invalid ? nil : kind(member.key).read(reader)
                return Named(name: member.key, entry: entry, reader: reader)
            }
        })
    }
}

/// An entry of an object whose keys are the user's names.
struct Named<Entry> {
    var name: String
    /// nil where something is wrong with it.
    var entry: Entry?
    var reader: ValueReader
}
