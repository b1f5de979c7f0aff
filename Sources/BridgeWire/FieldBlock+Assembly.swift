// rtbridge: fields whose names and values come in pieces.
// SPDX-License-Identifier: Apache-2.0

/// The last field of a block, while it is put together. A place is where it begins; each step is of the last field alone.
extension FieldBlock {
    /// Begins a field without a value. ASCII letters of the name become lower case.
    mutating func open(_ name: UnsafeRawBufferPointer) -> Int {
        let place = used
        let start = room(for: Self.lengthBytes + name.count)
        start.storeBytes(of: UInt32(name.count), as: UInt32.self)
        start.storeBytes(of: 0, toByteOffset: 4, as: UInt32.self)
        FieldBytes.copyLowercased(name, to: start + Self.lengthBytes)
        fieldCount += 1
        return place
    }

    mutating func open(_ name: StaticString) -> Int {
        let place = open(UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        _ = closeName(at: place)
        return place
    }

    mutating func extendName(at place: Int, _ bytes: UnsafeRawBufferPointer) {
        FieldBytes.copyLowercased(bytes, to: room(for: bytes.count))
        extend(place, by: bytes.count)
    }

    /// - Returns: the length of the name.
    mutating func closeName(at place: Int) -> Int {
        let count = length(at: place)
        lengths |= FieldNames.bit(count)
        return count
    }

    mutating func extendValue(at place: Int, _ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress else { return }
        room(for: bytes.count).copyMemory(from: base, byteCount: bytes.count)
        extend(place + 4, by: bytes.count)
    }

    /// Appends a field whose value is that of another one.
    mutating func append(_ name: StaticString, copyOf range: Range<Int>) {
        let place = open(name)
        let value = room(for: range.count)
        value.copyMemory(from: storage.unsafelyUnwrapped.bytes + range.lowerBound, byteCount: range.count)
        extend(place + 4, by: range.count)
    }

    /// Appends a field whose value `write` writes, at most `count` bytes.
    mutating func append(_ name: StaticString, upTo count: Int, _ write: (inout HTTP1Cursor) -> Void) {
        let place = open(name)
        let start = room(for: count)
        let written = HTTP1Cursor.write(into: UnsafeMutableRawBufferPointer(start: start, count: count), write)
        used -= count - written
        extend(place + 4, by: written)
    }

    private func length(at place: Int) -> Int {
        Int(storage.unsafelyUnwrapped.bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self))
    }

    private func extend(_ place: Int, by count: Int) {
        let sum = UInt32(length(at: place) + count)
        storage.unsafelyUnwrapped.bytes.storeBytes(of: sum, toByteOffset: place, as: UInt32.self)
    }
}
