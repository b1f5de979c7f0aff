// rtbridge: fields out of HPACK.
// SPDX-License-Identifier: Apache-2.0

/// Decodes the blocks of one connection, in the order in which they came (RFC 7541).
///
/// Between two blocks it has the memory of the dynamic table alone, and none before the first field of that.
///
/// Methods on the way of a field are `mutating` even where they change nothing: else the compiler copies `self` for a call.
struct HPACKDecoder: ~Copyable {
    private var table: HPACKTable
    /// What a size update of the peer may ask for at most.
    private let limit: Int
    private let statics = HPACKStaticTable.shared
    private let huffman = HPACKHuffman.shared

    /// RFC 9113 §6.5.2: the initial value of SETTINGS_HEADER_TABLE_SIZE, in bytes.
    static let initialTableSize = 4096

    /// - Parameter tableLimit: SETTINGS_HEADER_TABLE_SIZE that we announce, in bytes, never changed afterwards. The table
    ///   has 4,096 bytes all the same until the peer's first size update, for so the peer begins (RFC 7541 §4.2).
    init(tableLimit: Int = HPACKDecoder.initialTableSize) {
        limit = min(max(tableLimit, 0), HPACKTable.largestMaximum)
        table = HPACKTable(maximum: Self.initialTableSize)
    }

    /// Decodes one whole block, all fragments joined.
    ///
    /// - Parameter field: is called with each field. The pointers are valid during the call alone. `known` is the first index
    ///   in the static table (1...61) with that name, or 0 if the name came as a literal; what comes from the dynamic table
    ///   has the number that its name had when it was inserted.
    /// - Throws: what is wrong; the fields before that were given.
    mutating func decode(
        _ block: UnsafeRawBufferPointer,
        _ field: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ known: Int) -> Void
    ) throws(HPACKError) {
        guard let base = block.baseAddress else { return }
        let failure: HPACKError? = withUnsafeTemporaryAllocation(
            byteCount: HPACKScratch.stackBytes, alignment: 8
        ) { stack in
            var scratch = HPACKScratch(stack: stack)
            var reader = HPACKReader(base, count: block.count)
            do throws(HPACKError) {
                try decode(&reader, &scratch, field)
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
    }

    @inline(__always)
    private mutating func decode(
        _ reader: inout HPACKReader, _ scratch: inout HPACKScratch,
        _ field: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ known: Int) -> Void
    ) throws(HPACKError) {
        while !reader.isAtEnd, reader.next & 0xE0 == 0x20 { try updateSize(&reader) }
        while !reader.isAtEnd {
            if reader.next & 0x80 != 0 {
                // RFC 7541 §6.1: Indexed Header Field Representation.
                let index = try reader.integer(0x7F)
                if index &- 1 < 0 { throw .indexZero }
                if index <= HPACKStaticTable.count {
                    let entry = statics.entries[index]
                    field(entry.nameBytes, entry.valueBytes, Int(entry.first))
                } else {
                    let record = try record(at: index)
                    let name = table.address(record)
                    let length = Int(record.nameLength)
                    field(
                        UnsafeRawBufferPointer(start: name, count: length),
                        UnsafeRawBufferPointer(start: name + length, count: Int(record.valueLength)), Int(record.tag))
                }
            } else {
                try decodeLiteral(&reader, &scratch, field)
            }
        }
    }

    /// RFC 7541 §2.3.3: index 62 is the field that came last.
    @inline(__always)
    private mutating func record(at index: Int) throws(HPACKError) -> HPACKRecord {
        let age = index &- (HPACKStaticTable.count + 1)
        guard age < table.count else { throw .indexBeyondTable }
        return table.record(table.inserted &- 1 &- UInt32(truncatingIfNeeded: age))
    }

    /// RFC 7541 §6.3: Dynamic Table Size Update.
    private mutating func updateSize(_ reader: inout HPACKReader) throws(HPACKError) {
        let size = try reader.integer(0x1F)
        guard size <= limit else { throw .sizeUpdateAboveLimit }
        table.setMaximum(size)
    }
}

// MARK: - Literals

extension HPACKDecoder {
    /// RFC 7541 §6.2: with incremental indexing (01), without indexing (0000), never indexed (0001).
    private mutating func decodeLiteral(
        _ reader: inout HPACKReader, _ scratch: inout HPACKScratch,
        _ field: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ known: Int) -> Void
    ) throws(HPACKError) {
        let isIndexed = reader.next & 0x40 != 0
        guard isIndexed || reader.next & 0x20 == 0 else { throw .sizeUpdateBehindFields }
        let index = try reader.integer(isIndexed ? 0x3F : 0x0F)
        scratch.beginField()
        var known = 0
        let name: UnsafeRawBufferPointer
        if index == 0 {
            name = try string(&reader, &scratch)
        } else if index <= HPACKStaticTable.count {
            let entry = statics.entries[index]
            name = entry.nameBytes
            known = Int(entry.first)
        } else {
            let record = try record(at: index)
            name = UnsafeRawBufferPointer(start: table.address(record), count: Int(record.nameLength))
            known = Int(record.tag)
        }
        let value = try string(&reader, &scratch)
        field(name, value, known)
        if isIndexed { table.insert(name: name, value: value, tag: UInt32(known)) }
    }

    /// RFC 7541 §5.2: H, the length in seven bits or more, the string.
    @inline(__always)
    private mutating func string(
        _ reader: inout HPACKReader, _ scratch: inout HPACKScratch
    ) throws(HPACKError) -> UnsafeRawBufferPointer {
        guard !reader.isAtEnd else { throw .truncated }
        let isHuffman = reader.next & 0x80 != 0
        let length = try reader.integer(0x7F)
        let bytes = try reader.take(length)
        guard isHuffman else { return bytes }
        return try decoded(bytes, reader.count, &scratch)
    }

    /// - Parameter rest: how many bytes of the block come behind.
    @inline(never)
    private mutating func decoded(
        _ code: UnsafeRawBufferPointer, _ rest: Int, _ scratch: inout HPACKScratch
    ) throws(HPACKError) -> UnsafeRawBufferPointer {
        let largest = HPACKHuffman.largestDecoded(code.count)
        let target = scratch.room(for: largest, of: largest + HPACKHuffman.largestDecoded(rest))
        let count = try huffman.decode(code, to: target)
        scratch.keep(count)
        return UnsafeRawBufferPointer(start: target, count: count)
    }
}
