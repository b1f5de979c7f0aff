// rtbridge: the value of a field, in the memory of its block.
// SPDX-License-Identifier: Apache-2.0

/// A field's value, byte for byte. It keeps the memory of its block, and costs none of its own.
///
/// Safety: memory that a value shares with its block is never written to.
public struct FieldValue: RandomAccessCollection, @unchecked Sendable {
    @usableFromInline let storage: FieldStorage?
    public let startIndex: Int
    public let endIndex: Int

    @inlinable
    init(storage: FieldStorage?, startIndex: Int, endIndex: Int) {
        self.storage = storage
        self.startIndex = startIndex
        self.endIndex = endIndex
    }

    /// No bytes.
    @inlinable
    public init() { self.init(storage: nil, startIndex: 0, endIndex: 0) }

    /// A copy of `bytes`.
    public init(_ bytes: some Collection<UInt8>) {
        let storage = FieldStorage.make(bytes.count)
        UnsafeMutableRawBufferPointer(start: storage.bytes, count: bytes.count).copyBytes(from: bytes)
        self.init(storage: storage, startIndex: 0, endIndex: bytes.count)
    }

    @inlinable
    public subscript(position: Int) -> UInt8 {
        precondition(position >= startIndex && position < endIndex, "FieldValue: \(position) is outside of it")
        return storage.unsafelyUnwrapped.bytes.load(fromByteOffset: position, as: UInt8.self)
    }

    @inlinable
    public subscript(bounds: Range<Int>) -> FieldValue {
        precondition(
            bounds.lowerBound >= startIndex && bounds.upperBound <= endIndex, "FieldValue: \(bounds) is outside of it")
        return FieldValue(storage: storage, startIndex: bounds.lowerBound, endIndex: bounds.upperBound)
    }

    /// Calls `body` with the bytes; the pointer is valid during the call alone.
    @inlinable
    public func withUnsafeBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        defer { withExtendedLifetime(self) {} }
        return try body(UnsafeRawBufferPointer(start: storage.map { $0.bytes + startIndex }, count: count))
    }

    @inlinable
    public func withContiguousStorageIfAvailable<Result>(
        _ body: (UnsafeBufferPointer<UInt8>) throws -> Result
    ) rethrows -> Result? {
        try withUnsafeBytes { try body($0.assumingMemoryBound(to: UInt8.self)) }
    }
}

extension FieldValue: ExpressibleByArrayLiteral {
    public init(arrayLiteral bytes: UInt8...) { self = bytes.isEmpty ? FieldValue() : FieldValue(bytes) }
}
