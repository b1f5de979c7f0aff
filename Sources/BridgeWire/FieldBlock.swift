// rtbridge: header or trailer fields, in order, in one buffer.
// SPDX-License-Identifier: Apache-2.0

/// Header or trailer fields in the order in which they came, names in lower case
/// (RFC 9113 §8.2: "Field names MUST be converted to lowercase when constructing an HTTP/2 message").
///
/// All bytes lie in one array, so that a block costs two allocations however many fields it has.
/// Pseudo-header fields (`:path`) are fields like any other here; values are kept byte for byte.
public struct FieldBlock: Sendable {
    /// Where a field lies in ``bytes``: the value follows the name.
    @usableFromInline
    struct Entry: Sendable {
        @usableFromInline var start: UInt32
        @usableFromInline var nameLength: UInt32
        @usableFromInline var valueLength: UInt32

        @inlinable
        init(start: UInt32, nameLength: UInt32, valueLength: UInt32) {
            self.start = start
            self.nameLength = nameLength
            self.valueLength = valueLength
        }
    }

    @usableFromInline var bytes: [UInt8] = []
    @usableFromInline var entries: [Entry] = []

    @inlinable
    public init() {}

    @inlinable
    public init(_ fields: KeyValuePairs<String, String>) {
        for (name, value) in fields { append(name, value) }
    }

    /// The number of fields.
    @inlinable
    public var count: Int { entries.count }

    @inlinable
    public var isEmpty: Bool { entries.isEmpty }

    /// The sum of names and values plus 32 bytes a field, as SETTINGS_MAX_HEADER_LIST_SIZE counts (RFC 9113 §6.5.2).
    @inlinable
    public var listSize: Int { bytes.count + 32 * entries.count }

    /// The sum of names and values.
    @inlinable
    public var byteCount: Int { bytes.count }

    @inlinable
    public mutating func reserveCapacity(fields: Int, bytes count: Int) {
        entries.reserveCapacity(fields)
        bytes.reserveCapacity(count)
    }
}

// MARK: - Writing

extension FieldBlock {
    /// Appends a field. ASCII letters of the name become lower case; the value is kept as it is.
    @inlinable
    public mutating func append(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        let start = bytes.count
        bytes.append(contentsOf: name)
        bytes.append(contentsOf: value)
        lowercase(from: start, count: name.count)
        entries.append(
            Entry(start: UInt32(start), nameLength: UInt32(name.count), valueLength: UInt32(value.count)))
    }

    @inlinable
    public mutating func append(_ name: StaticString, _ value: StaticString) {
        name.withUTF8Buffer { name in
            value.withUTF8Buffer { append(name: UnsafeRawBufferPointer(name), value: UnsafeRawBufferPointer($0)) }
        }
    }

    /// Appends a field whose name, which must be in lower case, is known at compile time.
    @inlinable
    public mutating func append(_ name: StaticString, _ value: some Collection<UInt8>) {
        name.withUTF8Buffer { name in
            let start = bytes.count
            bytes.append(contentsOf: name)
            bytes.append(contentsOf: value)
            entries.append(
                Entry(
                    start: UInt32(start), nameLength: UInt32(name.count),
                    valueLength: UInt32(bytes.count - start - name.count)))
        }
    }

    @inlinable
    @_disfavoredOverload
    public mutating func append(_ name: String, _ value: String) {
        var name = name
        var value = value
        name.withUTF8 { name in
            value.withUTF8 { append(name: UnsafeRawBufferPointer(name), value: UnsafeRawBufferPointer($0)) }
        }
    }

    @inlinable
    public mutating func append(_ other: FieldBlock) {
        other.forEach { append(name: $0, value: $1) }
    }

    @inlinable
    mutating func lowercase(from start: Int, count: Int) {
        for index in start..<(start + count) where bytes[index] &- 0x41 < 26 { bytes[index] |= 0x20 }
    }
}

// MARK: - Reading

extension FieldBlock {
    /// Calls `body` with each field's name and value. The pointers are valid during the call alone.
    @inlinable
    public func forEach(_ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws -> Void)
        rethrows
    {
        try bytes.withUnsafeBytes { all in
            for entry in entries {
                let start = Int(entry.start)
                let middle = start + Int(entry.nameLength)
                let end = middle + Int(entry.valueLength)
                try body(
                    UnsafeRawBufferPointer(rebasing: all[start..<middle]),
                    UnsafeRawBufferPointer(rebasing: all[middle..<end]))
            }
        }
    }

    @inlinable
    func index(of name: StaticString) -> Int? {
        let length = name.utf8CodeUnitCount
        return bytes.withUnsafeBufferPointer { all in
            for (index, entry) in entries.enumerated() where Int(entry.nameLength) == length {
                let start = all.baseAddress! + Int(entry.start)
                if FieldBytes.areEqual(start, name.utf8Start, length) { return index }
            }
            return nil
        }
    }

    @inlinable
    func value(at index: Int) -> ArraySlice<UInt8> {
        let entry = entries[index]
        let start = Int(entry.start + entry.nameLength)
        return bytes[start..<(start + Int(entry.valueLength))]
    }

    /// The value of the first field with this name, which must be in lower case.
    @inlinable
    public func first(_ name: StaticString) -> ArraySlice<UInt8>? {
        index(of: name).map { value(at: $0) }
    }

    /// The value of the first field with this name as text, bytes that are not UTF-8 replaced.
    @inlinable
    public func string(_ name: StaticString) -> String? {
        first(name).map { String(decoding: $0, as: UTF8.self) }
    }

    @inlinable
    public func contains(_ name: StaticString) -> Bool { index(of: name) != nil }

    /// The fields as pairs of text, for tests, logs and cold paths.
    public var pairs: [(name: String, value: String)] {
        var pairs: [(name: String, value: String)] = []
        forEach { pairs.append((String(decoding: $0, as: UTF8.self), String(decoding: $1, as: UTF8.self))) }
        return pairs
    }
}

extension FieldBlock: Equatable {
    public static func == (left: FieldBlock, right: FieldBlock) -> Bool {
        left.bytes == right.bytes
            && left.entries.elementsEqual(right.entries) {
                $0.nameLength == $1.nameLength && $0.valueLength == $1.valueLength
            }
    }
}

extension FieldBlock: CustomStringConvertible {
    public var description: String { pairs.map { "\($0.name): \($0.value)" }.joined(separator: "\n") }
}

/// Comparisons of raw bytes with names known at compile time.
public enum FieldBytes {
    @inlinable
    static func areEqual(_ left: UnsafePointer<UInt8>, _ right: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        for index in 0..<count where left[index] != right[index] { return false }
        return true
    }

    /// Whether `bytes` are exactly `name`.
    @inlinable
    public static func areEqual(_ bytes: UnsafeRawBufferPointer, _ name: StaticString) -> Bool {
        guard bytes.count == name.utf8CodeUnitCount else { return false }
        guard let base = bytes.baseAddress else { return true }
        return areEqual(base.assumingMemoryBound(to: UInt8.self), name.utf8Start, bytes.count)
    }

    /// Whether `bytes` begin with `prefix`.
    @inlinable
    public static func hasPrefix(_ bytes: UnsafeRawBufferPointer, _ prefix: StaticString) -> Bool {
        guard bytes.count >= prefix.utf8CodeUnitCount, let base = bytes.baseAddress else { return false }
        return areEqual(base.assumingMemoryBound(to: UInt8.self), prefix.utf8Start, prefix.utf8CodeUnitCount)
    }
}

extension FieldBlock {
    /// Calls `visit` with every field's number, name and value, then `body`, with all pointers valid until it returns.
    @inlinable
    public func withFieldPointers<Result>(
        _ visit: (Int, UnsafeMutableBufferPointer<UInt8>, UnsafeMutableBufferPointer<UInt8>) -> Void,
        then body: () throws -> Result
    ) rethrows -> Result {
        try bytes.withUnsafeBufferPointer { all in
            let base = UnsafeMutablePointer(mutating: all.baseAddress)
            for (index, entry) in entries.enumerated() {
                let name = base.map { $0 + Int(entry.start) }
                visit(
                    index, UnsafeMutableBufferPointer(start: name, count: Int(entry.nameLength)),
                    UnsafeMutableBufferPointer(
                        start: name.map { $0 + Int(entry.nameLength) }, count: Int(entry.valueLength)))
            }
            return try body()
        }
    }
}
