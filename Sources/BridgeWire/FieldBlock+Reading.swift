// rtbridge: what is in a block of fields.
// SPDX-License-Identifier: Apache-2.0

extension FieldBlock {
    /// A field in ``storage``.
    @usableFromInline
    struct Place {
        @usableFromInline let name: Int
        @usableFromInline let value: Int
        @usableFromInline let end: Int

        @inlinable
        init(name: Int, value: Int, end: Int) {
            self.name = name
            self.value = value
            self.end = end
        }

        @inlinable
        init(in all: UnsafeRawBufferPointer, at start: Int) {
            name = start + FieldBlock.lengthBytes
            value = name + Int(all.loadUnaligned(fromByteOffset: start, as: UInt32.self))
            end = value + Int(all.loadUnaligned(fromByteOffset: start + 4, as: UInt32.self))
        }
    }

    /// Calls `body` with all that is used.
    @inlinable
    func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        defer { withExtendedLifetime(self) {} }
        return try body(UnsafeRawBufferPointer(start: storage?.bytes, count: used))
    }

    /// Calls `body` with each field's name and value, which follows the name in memory. The pointers are valid during the call
    /// alone.
    @inlinable
    public func forEach(_ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws -> Void)
        rethrows
    {
        try withUnsafeBytes { all in
            guard let base = all.baseAddress else { return }
            var start = 0
            while start < used {
                let place = Place(in: all, at: start)
                try body(
                    UnsafeRawBufferPointer(start: base + place.name, count: place.value &- place.name),
                    UnsafeRawBufferPointer(start: base + place.value, count: place.end &- place.value))
                start = place.end
            }
        }
    }

    /// Calls `body` with each run of fields whose names are `kept`, and with how many they are.
    func forEachRun(
        _ kept: (_ name: UnsafeRawBufferPointer) -> Bool, body: (_ run: UnsafeRawBufferPointer, _ fields: Int) -> Void
    ) {
        withUnsafeBytes { all in
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
        guard lengths & FieldNames.bit(length) != 0 else { return nil }
        return withUnsafeBytes { all in
            guard let base = all.baseAddress else { return nil }
            var start = 0
            while start < used {
                let nameLength = Int((base + start).loadUnaligned(as: UInt32.self))
                let valueLength = Int((base + start).loadUnaligned(fromByteOffset: 4, as: UInt32.self))
                let found = start &+ Self.lengthBytes
                if nameLength == length,
                    FieldBytes.areEqual(
                        (base + found).assumingMemoryBound(to: UInt8.self), name.utf8Start, length)
                {
                    let value = found &+ nameLength
                    return Place(name: found, value: value, end: value &+ valueLength)
                }
                start = found &+ nameLength &+ valueLength
            }
            return nil
        }
    }

    /// The value of the first field with this name, which must be in lower case.
    @inlinable
    public func first(_ name: StaticString) -> FieldValue? {
        guard let place = place(of: name), let storage else { return nil }
        return FieldValue(storage: storage, startIndex: place.value, endIndex: place.end)
    }

    /// Where the value of the first field with this name lies, for ``value(in:)`` and ``withBytes(in:_:)``.
    @inlinable
    public func range(of name: StaticString) -> Range<Int>? { place(of: name).map { $0.value..<$0.end } }

    /// - Parameter range: what ``range(of:)`` gave, or a part of that.
    @inlinable
    public func value(in range: Range<Int>) -> FieldValue {
        FieldValue(storage: storage, startIndex: range.lowerBound, endIndex: range.upperBound)
    }

    /// Calls `body` with what ``value(in:)`` gives; the pointer is valid during the call alone.
    @inlinable
    public func withBytes<Result>(in range: Range<Int>, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }

    /// Calls `body` with the value of the first field with this name, which must be in lower case; the pointer is valid
    /// during the call alone.
    @inlinable
    public func withFirst<Result>(_ name: StaticString, _ body: (UnsafeRawBufferPointer) -> Result) -> Result? {
        guard let place = place(of: name) else { return nil }
        return withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[place.value..<place.end])) }
    }

    /// The value of the first field with this name as text, bytes that are not UTF-8 replaced.
    @inlinable
    public func string(_ name: StaticString) -> String? {
        withFirst(name) { String(decoding: $0, as: UTF8.self) }
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
        try withUnsafeBytes { all in
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
