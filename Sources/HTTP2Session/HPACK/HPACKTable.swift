// rtbridge: the dynamic table of HPACK.
// SPDX-License-Identifier: Apache-2.0

/// RFC 7541 §2.3.2: fields in the order in which they came, the oldest of which go when there is no more room.
///
/// Each field has a number, counted from 0 modulo 2^32; so has each byte of them a position. The bytes lie in one piece of
/// memory from ``start`` to ``end``; when its end is reached, what is alive moves to another piece, made to measure. Nothing
/// is allocated before the first field is inserted.
struct HPACKTable: ~Copyable {
    /// The size that the fields may have, as ``used`` counts.
    private(set) var maximum: Int
    /// RFC 7541 §4.1: names and values, and 32 bytes a field.
    private(set) var used = 0
    private(set) var count = 0
    /// How many fields were ever inserted, which is the next one's number.
    private(set) var inserted: UInt32 = 0

    private var bytes: UnsafeMutableRawPointer?
    private var capacity = 0
    /// The position of the first byte of ``bytes``.
    private var base: UInt32 = 0
    private var start: UInt32 = 0
    private var end: UInt32 = 0
    private var records: UnsafeMutablePointer<HPACKRecord>?
    /// A power of two, or 0.
    private(set) var recordCapacity = 0

    /// RFC 7541 §4.1: "The size of an entry is the sum of its name's length in octets …, its value's length in octets …, and
    /// 32."
    static let overhead = 32
    /// So that positions, which count modulo 2^32, are told apart.
    static let largestMaximum = 1 << 30

    init(maximum: Int) { self.maximum = min(max(maximum, 0), Self.largestMaximum) }

    deinit {
        bytes?.deallocate()
        records?.deallocate()
    }

    /// - Parameter number: of a field that is in the table.
    @inline(__always)
    func record(_ number: UInt32) -> HPACKRecord {
        records.unsafelyUnwrapped[Int(truncatingIfNeeded: number) & (recordCapacity &- 1)]
    }

    /// Where the name of a field in the table begins. Valid until the next change of the table.
    @inline(__always)
    func address(_ record: HPACKRecord) -> UnsafeRawPointer {
        UnsafeRawPointer(bytes.unsafelyUnwrapped) + Int(record.position &- base)
    }

    /// How many fields were inserted after this one; less than ``count`` if and only if it is in the table.
    @inline(__always)
    func age(_ number: UInt32) -> Int { Int(inserted &- 1 &- number) }

    /// RFC 7541 §4.3.
    mutating func setMaximum(_ bytes: Int) {
        maximum = min(max(bytes, 0), Self.largestMaximum)
        evict(until: maximum)
        if maximum == 0 { release() }
    }

    /// RFC 7541 §4.4. The name may lie in the table itself, the value may not.
    ///
    /// - Returns: whether the field is in the table; one that is larger than the table empties it.
    @discardableResult
    mutating func insert(name: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer, tag: UInt32) -> Bool {
        let length = name.count + value.count
        guard length <= maximum - Self.overhead else {
            evict(until: 0)
            return false
        }
        evict(until: maximum - Self.overhead - length)
        if count == recordCapacity { growRecords() }
        let isFull = bytes == nil || Int(end &- base) + length > capacity
        // The name may lie in the old memory, which therefore goes last.
        let old = isFull ? move(room: length) : nil
        let target = bytes.unsafelyUnwrapped + Int(end &- base)
        if let source = name.baseAddress { target.copyMemory(from: source, byteCount: name.count) }
        if let source = value.baseAddress { (target + name.count).copyMemory(from: source, byteCount: value.count) }
        old?.deallocate()
        records.unsafelyUnwrapped[Int(inserted) & (recordCapacity - 1)] = HPACKRecord(
            position: end, nameLength: UInt32(name.count), valueLength: UInt32(value.count), tag: tag)
        end &+= UInt32(length)
        inserted &+= 1
        count += 1
        used += length + Self.overhead
        return true
    }

    /// RFC 7541 §4.3, §4.4: "entries are evicted from the end of the dynamic table until the size of the dynamic table is less
    /// than or equal to" `size`.
    private mutating func evict(until size: Int) {
        while used > size {
            let oldest = record(inserted &- UInt32(count))
            let length = oldest.nameLength + oldest.valueLength
            start &+= length
            used -= Int(length) + Self.overhead
            count -= 1
        }
        if count == 0 { (start, end) = (base, base) }
    }

    /// Moves what is alive to memory with `room` more, and half of all more, that the next move be far.
    ///
    /// - Returns: the old memory.
    private mutating func move(room: Int) -> UnsafeMutableRawPointer? {
        let old = bytes
        let alive = Int(end &- start)
        let wanted = (max(alive + room, 64) * 3 / 2 + 63) & ~63
        let target = UnsafeMutableRawPointer.allocate(byteCount: wanted, alignment: 8)
        if let old, alive > 0 { target.copyMemory(from: old + Int(start &- base), byteCount: alive) }
        bytes = target
        capacity = wanted
        base = start
        return old
    }

    private mutating func growRecords() {
        let larger = max(8, 2 * recordCapacity)
        let target = UnsafeMutablePointer<HPACKRecord>.allocate(capacity: larger)
        for age in 0..<count {
            let number = inserted &- 1 &- UInt32(age)
            target[Int(number) & (larger - 1)] = record(number)
        }
        records?.deallocate()
        records = target
        recordCapacity = larger
    }

    private mutating func release() {
        bytes?.deallocate()
        records?.deallocate()
        (bytes, records, capacity, recordCapacity) = (nil, nil, 0, 0)
        (base, start, end) = (0, 0, 0)
    }
}
