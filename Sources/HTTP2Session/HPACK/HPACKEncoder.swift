// rtbridge: fields into HPACK.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import NIOCore

/// Encodes the blocks of one connection, in the order in which they go (RFC 7541).
///
/// Nothing is allocated before the first field is indexed, and nothing for a block whose fields the peer remembers.
///
/// Methods on the way of a field are `mutating` even where they change nothing: else the compiler copies `self` for a call.
struct HPACKEncoder: ~Copyable {
    private var table: HPACKTable
    private var index = HPACKIndex()
    private let statics = HPACKStaticTable.shared
    private let huffman = HPACKHuffman.shared
    /// What our table has at most, whatever the peer allows.
    private let tableLimit: Int
    /// The size of the table that the peer knows of.
    private var signalled: Int
    /// The smallest size since then.
    private var smallest: Int

    /// Values that are not indexed go as they are up to this length, in bytes: the code would save a quarter of it, and
    /// takes both sides ten times as long.
    private static let longestRaw = 64

    /// - Parameter tableLimit: what our table has at most, in bytes.
    init(tableLimit: Int = HPACKDecoder.initialTableSize) {
        self.tableLimit = min(max(tableLimit, 0), HPACKTable.largestMaximum)
        signalled = HPACKDecoder.initialTableSize
        table = HPACKTable(maximum: min(self.tableLimit, signalled))
        smallest = table.maximum
    }

    /// SETTINGS_HEADER_TABLE_SIZE of the peer, in bytes.
    mutating func setPeerTableLimit(_ bytes: UInt32) {
        let size = min(Int(bytes), tableLimit)
        guard size != table.maximum else { return }
        smallest = min(smallest, size)
        table.setMaximum(size)
        if size == 0 { index.reset(fields: 0, to: 0) }
    }

    /// Appends one block.
    ///
    /// - Parameter scheme: where not nil, replaces the value of the field ":scheme".
    mutating func encode(_ fields: FieldBlock, scheme: StaticString?, into output: inout ByteBuffer) {
        let bound =
            HPACKWriter.updateBytes + fields.byteCount + fields.count * HPACKWriter.fieldBytes
            + (scheme?.utf8CodeUnitCount ?? 0) * fields.count
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: bound) { room in
            let start = room.baseAddress.unsafelyUnwrapped
            var writer = HPACKWriter(position: start)
            if table.maximum != signalled || smallest < signalled { writeSizeUpdates(&writer) }
            fields.forEach { name, value in
                guard let base = name.baseAddress else { return }
                assert(base + name.count == value.baseAddress, "HPACKEncoder: a value that does not follow its name")
                encode(base, name.count, name.count &+ value.count, scheme, &writer)
            }
            return writer.position - start
        }
    }

    /// RFC 7541 §4.2: "the smallest maximum table size that occurs in that interval MUST be signaled in a dynamic table size
    /// update. The final maximum size is always signaled".
    @inline(never)
    private mutating func writeSizeUpdates(_ writer: inout HPACKWriter) {
        if smallest < table.maximum, smallest < signalled { writer.integer(smallest, 0x1F, 0x20) }
        writer.integer(table.maximum, 0x1F, 0x20)
        signalled = table.maximum
        smallest = table.maximum
    }
}

// MARK: - Fields

extension HPACKEncoder {
    /// - Parameters:
    ///   - field: the name, and behind it the value.
    ///   - nameLength: the length of the name, in bytes.
    ///   - count: that of both.
    @inline(__always)
    private mutating func encode(
        _ field: UnsafeRawPointer, _ nameLength: Int, _ count: Int, _ scheme: StaticString?,
        _ writer: inout HPACKWriter
    ) {
        if count > 0, field.load(as: UInt8.self) == UInt8(ascii: ":"),
            encodePseudoField(field, nameLength, count, scheme, &writer)
        {
            return
        }
        let hash = HPACKBytes.hash(field, count, seed: nameLength)
        let age = age(field, nameLength, count, hash)
        if age >= 0 {
            // RFC 7541 §6.1: Indexed Header Field Representation.
            writer.integer(age &+ (HPACKStaticTable.count + 1), 0x7F, 0x80)
        } else {
            encodeLiteral(
                UnsafeRawBufferPointer(start: field, count: nameLength),
                UnsafeRawBufferPointer(start: field + nameLength, count: count &- nameLength), hash, &writer)
        }
    }

    /// - Returns: whether the field is one of those that are never in the dynamic table.
    @inline(__always)
    private mutating func encodePseudoField(
        _ field: UnsafeRawPointer, _ nameLength: Int, _ count: Int, _ scheme: StaticString?,
        _ writer: inout HPACKWriter
    ) -> Bool {
        let name = UnsafeRawBufferPointer(start: field, count: nameLength)
        if nameLength == HPACKPseudoField.nameLength {
            if let scheme, HPACKBytes.areEqual(name, ":scheme") {
                Self.encodeScheme(scheme, &writer)
                return true
            }
            let known = HPACKPseudoField.index(UnsafeRawBufferPointer(start: field, count: count))
            guard known != 0 else { return false }
            writer.byte(0x80 | known)
            return true
        }
        guard HPACKBytes.areEqual(name, ":path") else { return false }
        encodePath(UnsafeRawBufferPointer(start: field + nameLength, count: count &- nameLength), &writer)
        return true
    }

    /// How many fields were inserted after this one, or -1.
    @inline(__always)
    private mutating func age(_ field: UnsafeRawPointer, _ nameLength: Int, _ count: Int, _ hash: UInt64) -> Int {
        guard table.count > 0 else { return -1 }
        let number = index.first(hash)
        let age = table.age(number)
        guard age < table.count else { return -1 }
        if isField(number, field, nameLength, count, hash) { return age }
        return ageBehind(number, field, nameLength, count, hash)
    }

    @inline(never)
    private mutating func ageBehind(
        _ first: UInt32, _ field: UnsafeRawPointer, _ nameLength: Int, _ count: Int, _ hash: UInt64
    ) -> Int {
        var number = index.next(first)
        while true {
            let age = table.age(number)
            guard age < table.count else { return -1 }
            if isField(number, field, nameLength, count, hash) { return age }
            number = index.next(number)
        }
    }

    @inline(__always)
    private mutating func isField(
        _ number: UInt32, _ field: UnsafeRawPointer, _ nameLength: Int, _ count: Int, _ hash: UInt64
    ) -> Bool {
        let record = table.record(number)
        return record.tag == Self.tag(hash) && Int(record.nameLength) == nameLength
            && Int(record.nameLength &+ record.valueLength) == count
            && HPACKBytes.areEqual(table.address(record), field, count)
    }

    @inline(__always)
    private static func tag(_ hash: UInt64) -> UInt32 { UInt32(truncatingIfNeeded: hash &>> 16) }

    /// The field ":scheme" with another value.
    @inline(never)
    private static func encodeScheme(_ scheme: StaticString, _ writer: inout HPACKWriter) {
        let value = UnsafeRawBufferPointer(start: scheme.utf8Start, count: scheme.utf8CodeUnitCount)
        if HPACKBytes.areEqual(value, "http") { return writer.byte(0x86) }
        if HPACKBytes.areEqual(value, "https") { return writer.byte(0x87) }
        writer.byte(0x06)
        writer.raw(value)
    }

    /// The field ":path", which is never in the dynamic table.
    @inline(never)
    private mutating func encodePath(_ value: UnsafeRawBufferPointer, _ writer: inout HPACKWriter) {
        if HPACKBytes.areEqual(value, "/") { return writer.byte(0x84) }
        if HPACKBytes.areEqual(value, "/index.html") { return writer.byte(0x85) }
        writer.byte(0x04)
        if value.count <= Self.longestRaw { writer.raw(value) } else { writer.shortest(value, huffman) }
    }

    /// RFC 7541 §6.2, and what the static table has as a whole.
    @inline(never)
    private mutating func encodeLiteral(
        _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ hash: UInt64, _ writer: inout HPACKWriter
    ) {
        let known = statics.index(ofName: name)
        let indexing = HPACKIndexing(name, value, known: known, table: table.maximum)
        if known != 0, indexing != .never {
            let whole = statics.index(ofValue: value, from: known)
            if whole != 0 { return writer.byte(0x80 | UInt8(truncatingIfNeeded: whole)) }
        }
        let nameIndex = known != 0 ? known : dynamicIndex(ofName: name)
        writer.integer(nameIndex, indexing.mask, indexing.pattern)
        if indexing == .incremental {
            if nameIndex == 0 { writer.shortest(name, huffman) }
            writer.shortest(value, huffman)
            insert(name, value, hash)
        } else {
            if nameIndex == 0 { encodeUnindexed(name, &writer) }
            encodeUnindexed(value, &writer)
        }
    }

    private mutating func encodeUnindexed(_ bytes: UnsafeRawBufferPointer, _ writer: inout HPACKWriter) {
        if bytes.count <= Self.longestRaw { writer.raw(bytes) } else { writer.shortest(bytes, huffman) }
    }
}

// MARK: - The table

extension HPACKEncoder {
    /// - Returns: the index of a field with this name, or 0.
    private mutating func dynamicIndex(ofName name: UnsafeRawBufferPointer) -> Int {
        guard table.count > 0 else { return 0 }
        var number = index.firstOfName(Self.nameHash(name))
        while true {
            let age = table.age(number)
            guard age < table.count else { return 0 }
            let record = table.record(number)
            let known = UnsafeRawBufferPointer(start: table.address(record), count: Int(record.nameLength))
            if HPACKBytes.areEqual(known, name) { return age + HPACKStaticTable.count + 1 }
            number = index.nextOfName(number)
        }
    }

    private static func nameHash(_ name: UnsafeRawBufferPointer) -> UInt64 {
        name.baseAddress.map { HPACKBytes.hash($0, name.count, seed: 0) } ?? 0
    }

    private mutating func insert(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ hash: UInt64) {
        guard table.insert(name: name, value: value, tag: Self.tag(hash)) else { return }
        if index.capacity != table.recordCapacity {
            rebuildIndex()
        } else {
            index.insert(table.inserted &- 1, hash: hash, nameHash: Self.nameHash(name))
        }
    }

    /// After the table has more records, or its first ones.
    private mutating func rebuildIndex() {
        // The number that will not be in the table for the longest time.
        index.reset(fields: table.recordCapacity, to: table.inserted &+ 1 &<< 31)
        for age in (0..<table.count).reversed() {
            let number = table.inserted &- 1 &- UInt32(age)
            let record = table.record(number)
            let address = table.address(record)
            let length = Int(record.nameLength)
            let hash = HPACKBytes.hash(address, length + Int(record.valueLength), seed: length)
            let name = UnsafeRawBufferPointer(start: address, count: length)
            index.insert(number, hash: hash, nameHash: Self.nameHash(name))
        }
    }
}
