// rtbridge: header or trailer fields, in order, in one buffer.
// SPDX-License-Identifier: Apache-2.0

/// Header or trailer fields in the order in which they came, names in lower case
/// (RFC 9113 §8.2: "Field names MUST be converted to lowercase when constructing an HTTP/2 message").
///
/// All of it lies in one piece of memory, so that a block costs one allocation however many fields it has, and is passed
/// on with one count of references. Pseudo-header fields (`:path`) are fields like any other here; values are kept byte for
/// byte.
///
/// Safety: memory that two blocks share is never written to.
public struct FieldBlock: @unchecked Sendable {
    /// The fields one after the other: the lengths of name and value, then both. What is beyond ``used`` means nothing.
    @usableFromInline var storage: FieldStorage?
    @usableFromInline var used = 0
    @usableFromInline var fieldCount = 0
    /// Bit n: there may be a name of n bytes, see ``FieldNames/bit(_:)``. Most names that are asked for are not there.
    @usableFromInline var lengths: UInt64 = 0

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
        if room > capacity { grow(to: room) }
    }

    @inlinable
    var capacity: Int { storage?.header ?? 0 }

    /// Takes memory of its own, where others share it or there is not enough.
    @usableFromInline
    mutating func grow(to room: Int) {
        let larger = FieldStorage.make(max(room, Self.minimumRoom))
        if let storage, used > 0 { larger.bytes.copyMemory(from: storage.bytes, byteCount: used) }
        storage = larger
    }

    /// Where `count` more bytes go, in memory that nobody else holds.
    @inlinable
    mutating func room(for count: Int) -> UnsafeMutableRawPointer {
        let end = used + count
        if end > capacity {
            grow(to: max(end, 2 * capacity))
        } else if !isKnownUniquelyReferenced(&storage) {
            grow(to: capacity)
        }
        let start = storage.unsafelyUnwrapped.bytes + used
        used = end
        return start
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

    /// Appends a field whose name has no upper-case letters to a block whose memory nobody else has been given yet.
    @inlinable
    @inline(__always)
    public mutating func appendToOwn(lowercaseName name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
        assert(storage == nil || isKnownUniquelyReferenced(&storage), "FieldBlock: its memory is shared")
        let end = used &+ Self.lengthBytes &+ name.count &+ value.count
        if end > capacity { grow(to: max(end, 2 &* capacity)) }
        let start = storage.unsafelyUnwrapped.bytes + used
        used = end
        start.storeBytes(of: UInt32(truncatingIfNeeded: name.count), as: UInt32.self)
        start.storeBytes(of: UInt32(truncatingIfNeeded: value.count), toByteOffset: 4, as: UInt32.self)
        if let base = name.baseAddress { (start + Self.lengthBytes).copyMemory(from: base, byteCount: name.count) }
        if let base = value.baseAddress {
            (start + Self.lengthBytes + name.count).copyMemory(from: base, byteCount: value.count)
        }
        fieldCount &+= 1
        lengths |= FieldNames.bit(name.count)
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
    ///
    /// - Parameter lengths: that block's.
    mutating func append(run: UnsafeRawBufferPointer, fields count: Int, lengths: UInt64) {
        guard count > 0, let base = run.baseAddress else { return }
        room(for: run.count).copyMemory(from: base, byteCount: run.count)
        fieldCount += count
        self.lengths |= lengths
    }

    /// Makes room for a field, which `write` fills.
    @inlinable
    mutating func appendField(
        _ nameLength: Int, _ valueLength: Int,
        _ write: (_ name: UnsafeMutableRawPointer, _ value: UnsafeMutableRawPointer) -> Void
    ) {
        let start = room(for: Self.lengthBytes + nameLength + valueLength)
        start.storeBytes(of: UInt32(nameLength), as: UInt32.self)
        start.storeBytes(of: UInt32(valueLength), toByteOffset: 4, as: UInt32.self)
        write(start + Self.lengthBytes, start + Self.lengthBytes + nameLength)
        fieldCount += 1
        lengths |= FieldNames.bit(nameLength)
    }
}

extension FieldBlock: Equatable {
    public static func == (left: FieldBlock, right: FieldBlock) -> Bool {
        left.withUnsafeBytes { left in right.withUnsafeBytes { left.elementsEqual($0) } }
    }
}

extension FieldBlock: CustomStringConvertible {
    public var description: String { pairs.map { "\($0.name): \($0.value)" }.joined(separator: "\n") }
}
