// rtbridge: header or trailer fields, in order, in one buffer.
// SPDX-License-Identifier: Apache-2.0

/// Header or trailer fields in the order in which they came, names in lower case
/// (RFC 9113 §8.2: "Field names MUST be converted to lowercase when constructing an HTTP/2 message").
///
/// All of it lies in one array, so that a block costs one allocation however many fields it has, and is passed on with
/// one count of references. Pseudo-header fields (`:path`) are fields like any other here; values are kept byte for byte.
public struct FieldBlock: Sendable {
    /// The fields one after the other: the lengths of name and value, then both. What is beyond ``used`` means nothing.
    @usableFromInline var storage: [UInt8] = []
    @usableFromInline var used = 0
    @usableFromInline var fieldCount = 0

    /// Before each field: two lengths of 32 bits, in the machine's order.
    @inlinable
    static var lengthBytes: Int { 8 }

    /// What a block grows to at first: most requests and answers need no more.
    private static let minimumRoom = 224

    @inlinable
    public init() {}

    @inlinable
    public init(_ fields: KeyValuePairs<String, String>) {
        for (name, value) in fields { append(name, value) }
    }

    /// The number of fields.
    @inlinable
    public var count: Int { fieldCount }

    @inlinable
    public var isEmpty: Bool { fieldCount == 0 }

    /// The sum of names and values plus 32 bytes a field, as SETTINGS_MAX_HEADER_LIST_SIZE counts (RFC 9113 §6.5.2).
    @inlinable
    public var listSize: Int { byteCount + 32 * count }

    /// The sum of names and values.
    @inlinable
    public var byteCount: Int { used - Self.lengthBytes * count }

    /// Makes room for `fields` in all, whose names and values have `bytes` together.
    @inlinable
    public mutating func reserveCapacity(fields: Int, bytes: Int) {
        let room = Self.lengthBytes * fields + bytes
        if room > storage.count { grow(to: room) }
    }

    @usableFromInline
    mutating func grow(to room: Int) {
        let room = max(room, Self.minimumRoom)
        let (old, used) = (storage, used)
        storage = [UInt8](unsafeUninitializedCapacity: room) { bytes, count in
            if used > 0 {
                old.withUnsafeBytes {
                    UnsafeMutableRawBufferPointer(bytes).copyMemory(from: .init(rebasing: $0[..<used]))
                }
            }
            count = room
        }
    }
}

// MARK: - Writing

extension FieldBlock {
    /// Appends a field. ASCII letters of the name become lower case; the value is kept as it is.
    @inlinable
    public mutating func append(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        appendField(name.count, value.count) { nameRoom, valueRoom in
            for index in 0..<name.count {
                let byte = name.load(fromByteOffset: index, as: UInt8.self)
                nameRoom.storeBytes(of: byte &- 0x41 < 26 ? byte | 0x20 : byte, toByteOffset: index, as: UInt8.self)
            }
            if let base = value.baseAddress { valueRoom.copyMemory(from: base, byteCount: value.count) }
        }
    }

    /// Appends a field whose name has no upper-case letters.
    @inlinable
    public mutating func append(lowercaseName name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        appendField(name.count, value.count) { nameRoom, valueRoom in
            if let base = name.baseAddress { nameRoom.copyMemory(from: base, byteCount: name.count) }
            if let base = value.baseAddress { valueRoom.copyMemory(from: base, byteCount: value.count) }
        }
    }

    /// Appends a field whose name is in lower case.
    @inlinable
    public mutating func append(_ name: StaticString, _ value: StaticString) {
        append(
            lowercaseName: UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount),
            value: UnsafeRawBufferPointer(start: value.utf8Start, count: value.utf8CodeUnitCount))
    }

    /// Appends a field whose name is in lower case.
    @inlinable
    public mutating func append(_ name: StaticString, _ value: some Collection<UInt8>) {
        let name = UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
        let isDone: Void? = value.withContiguousStorageIfAvailable {
            append(lowercaseName: name, value: UnsafeRawBufferPointer($0))
        }
        guard isDone == nil else { return }
        ContiguousArray(value).withUnsafeBytes { append(lowercaseName: name, value: $0) }
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
        other.forEach { append(lowercaseName: $0, value: $1) }
    }

    /// Appends the fields that lie between two places of another block, as they are.
    mutating func append(run: UnsafeRawBufferPointer, fields count: Int) {
        guard count > 0, let base = run.baseAddress else { return }
        let end = used + run.count
        if end > storage.count { grow(to: max(end, 2 * storage.count)) }
        storage.withUnsafeMutableBytes { ($0.baseAddress! + used).copyMemory(from: base, byteCount: run.count) }
        used = end
        fieldCount += count
    }

    /// Makes room for a field, which `write` fills.
    @inlinable
    mutating func appendField(
        _ nameLength: Int, _ valueLength: Int,
        _ write: (_ name: UnsafeMutableRawPointer, _ value: UnsafeMutableRawPointer) -> Void
    ) {
        let end = used + Self.lengthBytes + nameLength + valueLength
        if end > storage.count { grow(to: max(end, 2 * storage.count)) }
        storage.withUnsafeMutableBytes { all in
            let start = all.baseAddress! + used
            start.storeBytes(of: UInt32(nameLength), as: UInt32.self)
            start.storeBytes(of: UInt32(valueLength), toByteOffset: 4, as: UInt32.self)
            write(start + Self.lengthBytes, start + Self.lengthBytes + nameLength)
        }
        used = end
        fieldCount += 1
    }
}

// MARK: - Reading

extension FieldBlock {
    /// A field in ``storage``.
    @usableFromInline
    struct Place {
        @usableFromInline let name: Int
        @usableFromInline let value: Int
        @usableFromInline let end: Int

        @inlinable
        init(in all: UnsafeRawBufferPointer, at start: Int) {
            name = start + FieldBlock.lengthBytes
            value = name + Int(all.loadUnaligned(fromByteOffset: start, as: UInt32.self))
            end = value + Int(all.loadUnaligned(fromByteOffset: start + 4, as: UInt32.self))
        }
    }

    /// Calls `body` with each field's name and value. The pointers are valid during the call alone.
    @inlinable
    public func forEach(_ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws -> Void)
        rethrows
    {
        try storage.withUnsafeBytes { all in
            var start = 0
            while start < used {
                let place = Place(in: all, at: start)
                try body(
                    UnsafeRawBufferPointer(rebasing: all[place.name..<place.value]),
                    UnsafeRawBufferPointer(rebasing: all[place.value..<place.end]))
                start = place.end
            }
        }
    }

    /// Calls `body` with each run of fields whose names are `kept`, and with how many they are.
    func forEachRun(
        _ kept: (_ name: UnsafeRawBufferPointer) -> Bool, body: (_ run: UnsafeRawBufferPointer, _ fields: Int) -> Void
    ) {
        storage.withUnsafeBytes { all in
            var (start, run, count) = (0, 0, 0)
            while start < used {
                let place = Place(in: all, at: start)
                if kept(UnsafeRawBufferPointer(rebasing: all[place.name..<place.value])) {
                    count += 1
                } else {
                    if count > 0 { body(UnsafeRawBufferPointer(rebasing: all[run..<start]), count) }
                    (run, count) = (place.end, 0)
                }
                start = place.end
            }
            if count > 0 { body(UnsafeRawBufferPointer(rebasing: all[run..<start]), count) }
        }
    }

    /// The first field with this name.
    @inlinable
    func place(of name: StaticString) -> Place? {
        let length = name.utf8CodeUnitCount
        return storage.withUnsafeBytes { all in
            var start = 0
            while start < used {
                let place = Place(in: all, at: start)
                if place.value - place.name == length {
                    let found = (all.baseAddress! + place.name).assumingMemoryBound(to: UInt8.self)
                    if FieldBytes.areEqual(found, name.utf8Start, length) { return place }
                }
                start = place.end
            }
            return nil
        }
    }

    /// The value of the first field with this name, which must be in lower case.
    @inlinable
    public func first(_ name: StaticString) -> ArraySlice<UInt8>? {
        place(of: name).map { storage[$0.value..<$0.end] }
    }

    /// The value of the first field with this name as text, bytes that are not UTF-8 replaced.
    @inlinable
    public func string(_ name: StaticString) -> String? {
        first(name).map { String(decoding: $0, as: UTF8.self) }
    }

    @inlinable
    public func contains(_ name: StaticString) -> Bool { place(of: name) != nil }

    /// The fields as pairs of text, for tests, logs and cold paths.
    public var pairs: [(name: String, value: String)] {
        var pairs: [(name: String, value: String)] = []
        forEach { pairs.append((String(decoding: $0, as: UTF8.self), String(decoding: $1, as: UTF8.self))) }
        return pairs
    }

    /// Calls `visit` with every field's number, name and value, then `body`, with all pointers valid until it returns.
    @inlinable
    public func withFieldPointers<Result>(
        _ visit: (Int, UnsafeMutableBufferPointer<UInt8>, UnsafeMutableBufferPointer<UInt8>) -> Void,
        then body: () throws -> Result
    ) rethrows -> Result {
        try storage.withUnsafeBytes { all in
            var start = 0
            for index in 0..<count {
                let place = Place(in: all, at: start)
                let base = UnsafeMutableRawPointer(mutating: all.baseAddress!).assumingMemoryBound(to: UInt8.self)
                visit(
                    index, UnsafeMutableBufferPointer(start: base + place.name, count: place.value - place.name),
                    UnsafeMutableBufferPointer(start: base + place.value, count: place.end - place.value))
                start = place.end
            }
            return try body()
        }
    }
}

extension FieldBlock: Equatable {
    public static func == (left: FieldBlock, right: FieldBlock) -> Bool {
        left.storage[..<left.used] == right.storage[..<right.used]
    }
}

extension FieldBlock: CustomStringConvertible {
    public var description: String { pairs.map { "\($0.name): \($0.value)" }.joined(separator: "\n") }
}
