// rtbridge: one value of the file, and how to complain about it.
// SPDX-License-Identifier: Apache-2.0

/// A value, its place, and where its problems go.
struct ValueReader {
    let node: JSONNode
    let path: JSONPath
    let reading: Reading

    func refuse(_ message: String, hint: String? = nil) {
        reading.report(at: node.position, path, message, hint: hint)
    }

    /// The value is of another JSON type than the key takes.
    func refuseType(expected: String, hint: String? = nil) {
        refuse("expected \(expected), found \(found)", hint: hint)
    }

    /// The text, after `${…}` is replaced; nil where that was reported as impossible.
    func text(
        expected: String = "a string", hint: String = "Write it in double quotes.", takesControls: Bool = false
    ) -> Text? {
        guard case .string(let written) = node.value else {
            refuseType(expected: expected, hint: hint)
            return nil
        }
        do throws(Fault) {
            let value = try reading.expansion.expand(written)
            guard takesControls || !value.utf8.contains(where: Ascii.isControl) else {
                throw Fault("has a control character in it, such as a line break")
            }
            return Text(value: value, written: written)
        } catch {
            refuse(written, error, isReplaced: false)
            return nil
        }
    }

    func refuse(_ text: Text, _ fault: Fault) { refuse(text.written, fault, isReplaced: text.isReplaced) }

    private func refuse(_ written: String, _ fault: Fault, isReplaced: Bool) {
        var hint = fault.hint
        if let correction = fault.correction, !isReplaced { hint = "Write \(correction)." }
        refuse("\(quoted(written)) \(fault.message)", hint: hint)
    }

    /// The same value as something else sees it: an element of a list, the value of a key.
    func child(_ node: JSONNode, _ path: JSONPath) -> ValueReader {
        ValueReader(node: node, path: path, reading: reading)
    }

    private var found: String {
        switch node.value {
        case .null: "null"
        case .bool(let flag): "\(flag)"
        case .number(let number): "the number \(number.prefix(40))"
        case .string(let text): "the string \(quoted(text))"
        case .array: "a list"
        case .object: "an object"
        case .invalid: "something that is not JSON"
        }
    }
}

/// A string of the file.
struct Text: Equatable {
    /// After `${…}` was replaced; may be secret.
    var value: String
    /// As it stands in the file; what messages show.
    var written: String

    var isReplaced: Bool { value != written }
}
