// rtbridge: fields whose names and values come in pieces.
// SPDX-License-Identifier: Apache-2.0

/// The last field of a block, while it is put together. A place is where it begins; each step is of the last field alone.
extension FieldBlock {
    /// Begins a field without name and value.
    mutating func open() -> Int {
        let place = used
        room(for: Self.lengthBytes).storeBytes(of: 0, as: UInt64.self)
        fieldCount += 1
        return place
    }

    /// ASCII letters become lower case.
    mutating func extendName(at place: Int, _ bytes: UnsafeRawBufferPointer) {
        let start = room(for: bytes.count)
        for index in bytes.indices {
            start.storeBytes(of: FieldTokens.lowercased(bytes[index]), toByteOffset: index, as: UInt8.self)
        }
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
        let place = open()
        room(for: name.utf8CodeUnitCount).copyMemory(from: name.utf8Start, byteCount: name.utf8CodeUnitCount)
        extend(place, by: name.utf8CodeUnitCount)
        _ = closeName(at: place)
        let value = room(for: range.count)
        value.copyMemory(from: storage.unsafelyUnwrapped.bytes + range.lowerBound, byteCount: range.count)
        extend(place + 4, by: range.count)
    }

    private func length(at place: Int) -> Int {
        Int(storage.unsafelyUnwrapped.bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self))
    }

    private func extend(_ place: Int, by count: Int) {
        let sum = UInt32(length(at: place) + count)
        storage.unsafelyUnwrapped.bytes.storeBytes(of: sum, toByteOffset: place, as: UInt32.self)
    }
}
