// rtbridge: comma-separated lists in header fields.
// SPDX-License-Identifier: Apache-2.0

/// Characters and lists of RFC 9110 §5.6, on raw bytes.
public enum FieldTokens {
    /// RFC 9110 §5.6.2: tchar.
    private static let tokenCharacters = ByteSet(alphanumericAnd: "!#$%&'*+-.^_`|~")

    static func isTokenCharacter(_ byte: UInt8) -> Bool { tokenCharacters.contains(byte) }

    /// Whether `bytes` are one token: not empty, and nothing but tchar.
    static func isToken(_ bytes: UnsafeRawBufferPointer) -> Bool {
        !bytes.isEmpty && tokenCharacters.containsAll(of: bytes)
    }

    static func isToken(_ bytes: some Collection<UInt8>) -> Bool {
        bytes.withContiguousStorageIfAvailable { isToken(UnsafeRawBufferPointer($0)) }
            ?? ContiguousArray(bytes).withUnsafeBytes { isToken($0) }
    }

    /// RFC 9110 §5.6.3: OWS is SP and HTAB.
    @inline(__always)
    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    /// `bytes` without the white space around them.
    static func trimmed(_ bytes: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        var range = bytes[...]
        while let first = range.first, isSpace(first) { range.removeFirst() }
        while let last = range.last, isSpace(last) { range.removeLast() }
        return UnsafeRawBufferPointer(rebasing: range)
    }

    /// Whether `bytes` are `name` but for the case of ASCII letters; `name` must be in lower case.
    static func areEqual(_ bytes: UnsafeRawBufferPointer, ignoringCase name: StaticString) -> Bool {
        bytes.count == name.utf8CodeUnitCount && hasPrefix(bytes, ignoringCase: name)
    }

    /// Whether `bytes` begin with `prefix` but for the case of ASCII letters; `prefix` must be in lower case.
    static func hasPrefix(_ bytes: UnsafeRawBufferPointer, ignoringCase prefix: StaticString) -> Bool {
        let count = prefix.utf8CodeUnitCount
        guard bytes.count >= count, let base = bytes.baseAddress else { return count == 0 }
        let start = base.assumingMemoryBound(to: UInt8.self)
        // Nearly everybody writes in lower case: eight bytes a step until there is a difference.
        var index = FieldBytes.commonWords(start, prefix.utf8Start, count)
        while index < count {
            guard lowercased(start[index]) == prefix.utf8Start[index] else { return false }
            index &+= 1
        }
        return true
    }

    @inline(__always)
    static func lowercased(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

    /// Calls `body` with each element of a comma-separated list, without the white space around it. Empty elements are
    /// left out, as RFC 9110 §5.6.1.2 has a recipient do; commas inside quoted strings divide nothing (§5.6.4).
    static func forEachElement(of list: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) -> Void) {
        var start = 0
        var index = 0
        var isQuoted = false
        while index <= list.count {
            let isEnd = index == list.count
            if !isEnd, list[index] == UInt8(ascii: "\"") {
                isQuoted.toggle()
            } else if !isEnd, isQuoted, list[index] == UInt8(ascii: "\\") {
                index += 1
                if index == list.count { continue }
            } else if isEnd || (!isQuoted && list[index] == UInt8(ascii: ",")) {
                let element = trimmed(UnsafeRawBufferPointer(rebasing: list[start..<index]))
                if !element.isEmpty { body(element) }
                start = index + 1
            }
            index += 1
        }
    }

    /// Whether one of the fields `name` lists `token`, whatever its case; both must be in lower case.
    public static func contains(_ fields: FieldBlock, _ name: StaticString, token: StaticString) -> Bool {
        guard fields.lengths & FieldNames.bit(name.utf8CodeUnitCount) != 0 else { return false }
        var isFound = false
        fields.forEach { fieldName, value in
            guard !isFound, FieldBytes.areEqual(fieldName, name) else { return }
            forEachElement(of: value) { if areEqual($0, ignoringCase: token) { isFound = true } }
        }
        return isFound
    }

    /// The elements of all the fields `name`, in order (RFC 9110 §5.3: they are one list).
    public static func elements(_ fields: FieldBlock, _ name: StaticString) -> [String] {
        guard fields.lengths & FieldNames.bit(name.utf8CodeUnitCount) != 0 else { return [] }
        var elements: [String] = []
        fields.forEach { fieldName, value in
            guard FieldBytes.areEqual(fieldName, name) else { return }
            forEachElement(of: value) { elements.append(String(decoding: $0, as: UTF8.self)) }
        }
        return elements
    }
}
