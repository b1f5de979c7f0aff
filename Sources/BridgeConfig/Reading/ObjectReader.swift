// rtbridge: one object of the file, key by key.
// SPDX-License-Identifier: Apache-2.0

/// Hands out the values of an object's keys. What nobody asked for by the end is an unknown key.
final class ObjectReader {
    let value: ValueReader
    private let members: [JSONMember]
    /// Words of other proxies for keys of ours.
    private let synonyms: [String: String]
    private var known: [String] = []
    private var unbuilt: [String] = []

    init(_ value: ValueReader, _ members: [JSONMember], synonyms: [String: String]) {
        self.value = value
        self.members = members.filter { !$0.isComment }
        self.synonyms = synonyms
    }

    // MARK: - Keys

    /// A key with a default, which is what the target holds. Keys of objects have their defaults inside.
    /// - Returns: Whether the target now holds what the file says; not so where the value was refused.
    @discardableResult
    func read<Value>(_ key: String, into target: inout Value, as kind: Kind<Value>) -> Bool {
        note(key, kind, kind.show.map { .defaulted($0(target)) } ?? .optional)
        guard let member = members.first(where: { $0.key == key }) else { return true }
        if member.node.value == .invalid { return false }
        if kind.show == nil, member.node.value == .null { return true }
        guard let value = kind.read(value.child(member.node, value.path.key(key))) else { return false }
        target = value
        return true
    }

    /// A key without a default; null is the same as leaving it out.
    func optional<Value>(_ key: String, as kind: Kind<Value>) -> Value? {
        note(key, kind, .optional)
        guard let reader = reader(key), reader.node.value != .null else { return nil }
        return kind.read(reader)
    }

    /// A key that must be there. A missing one is reported, and nil.
    func required<Value>(_ key: String, as kind: Kind<Value>, hint: String) -> Value? {
        note(key, kind, .required)
        guard let member = members.first(where: { $0.key == key }) else {
            value.reading.report(at: value.node.position, value.path.key(key), "is missing", hint: hint)
            return nil
        }
        if member.node.value == .invalid { return nil }
        return kind.read(value.child(member.node, value.path.key(key)))
    }

    /// The same for lists and objects of entries, which begin empty.
    func require<Value>(_ key: String, into target: inout Value, as kind: Kind<Value>) {
        guard let value = required(key, as: kind, hint: "Write at least one entry.") else { return }
        target = value
    }

    /// A key of the contract that this build does not have: taken where it asks for nothing, otherwise refused.
    func later(_ key: String, unless nothing: Nothing = .null) {
        unbuilt.append(key)
        value.reading.note(value.path.key(key), KeyFacts(presence: .later(nothing)))
        guard let member = members.first(where: { $0.key == key }), member.node.value != .invalid,
            !nothing.isAsked(by: member.node.value)
        else { return }
        value.reading.report(
            at: member.keyPosition, value.path.key(key), "not supported yet",
            hint: "Leave the key out: this build would not do what it asks for.")
    }

    /// Whether the key is there and not null.
    func has(_ key: String) -> Bool { reader(key).map { $0.node.value != .null } ?? false }

    func isEmptyList(_ key: String) -> Bool { reader(key)?.node.value == .array([]) }

    /// A string as it stands in the file, in quotes.
    func written(_ key: String) -> String? {
        guard case .string(let text) = reader(key)?.node.value else { return nil }
        return quoted(text)
    }

    /// Reports at a key's value, or at the object where the key is missing.
    func refuse(_ key: String, _ message: String, hint: String? = nil) {
        (reader(key) ?? value).refuse(message, hint: hint)
    }

    /// Reports at a value deeper inside, or at the deepest on the way to it that is there.
    /// - Parameter path: Begins with this object's own path.
    func refuse(at path: JSONPath, _ message: String, hint: String?) {
        var position = value.node.position
        for length in (value.path.steps.count + 1)...max(path.steps.count, value.path.steps.count + 1) {
            let relative = JSONPath(steps: Array(path.steps.prefix(length).dropFirst(value.path.steps.count)))
            guard let found = value.node.find(relative) else { break }
            position = found.node.position
        }
        value.reading.report(at: position, path, message, hint: hint)
    }

    // MARK: - The end

    /// Reports the keys that nobody asked for.
    func finish() {
        for member in members where !known.contains(member.key) && !unbuilt.contains(member.key) {
            let candidates = known + unbuilt + synonyms.keys.sorted()
            let nearest = Suggestion.nearest(to: member.key, in: candidates).map { synonyms[$0] ?? $0 }
            value.reading.report(
                at: member.keyPosition, value.path.key(member.key), "unknown key",
                hint: Suggestion.hint(for: member.key, nearest: nearest, known: known.sorted(), title: "Known keys"))
        }
    }

    // MARK: - Inside

    private func note<Value>(_ key: String, _ kind: Kind<Value>, _ presence: KeyFacts.Presence) {
        known.append(key)
        value.reading.note(
            value.path.key(key), KeyFacts(presence: presence, words: kind.words, bounds: kind.bounds))
    }

    /// The value of a key; nil where there is none, or none that is worth another word.
    private func reader(_ key: String) -> ValueReader? {
        guard let member = members.first(where: { $0.key == key }), member.node.value != .invalid else { return nil }
        return value.child(member.node, value.path.key(key))
    }
}
