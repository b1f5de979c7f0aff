// rtbridge: comparisons of raw bytes with names known at compile time.
// SPDX-License-Identifier: Apache-2.0

/// Comparisons of raw bytes with names known at compile time.
public enum FieldBytes {
    /// Eight bytes a step.
    @inlinable
    static func areEqual(_ left: UnsafePointer<UInt8>, _ right: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        let (left, right) = (UnsafeRawPointer(left), UnsafeRawPointer(right))
        var index = 0
        while index &+ 8 <= count {
            let one = left.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            guard one == right.loadUnaligned(fromByteOffset: index, as: UInt64.self) else { return false }
            index &+= 8
        }
        while index < count {
            let one = left.load(fromByteOffset: index, as: UInt8.self)
            guard one == right.load(fromByteOffset: index, as: UInt8.self) else { return false }
            index &+= 1
        }
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
