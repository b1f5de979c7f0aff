// rtbridge: comparisons of raw bytes with names known at compile time.
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Comparisons of raw bytes with names known at compile time.
public enum FieldBytes {
    /// How many of the first `count` bytes are equal, counted in words of eight bytes.
    @inlinable
    static func commonWords(_ left: UnsafePointer<UInt8>, _ right: UnsafePointer<UInt8>, _ count: Int) -> Int {
        let (left, right) = (UnsafeRawPointer(left), UnsafeRawPointer(right))
        var index = 0
        while index &+ 8 <= count {
            let one = left.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            guard one == right.loadUnaligned(fromByteOffset: index, as: UInt64.self) else { break }
            index &+= 8
        }
        return index
    }

    /// Eight bytes a step; the last step may look once more at bytes of the step before.
    @inlinable
    static func areEqual(_ left: UnsafePointer<UInt8>, _ right: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        let (left, right) = (UnsafeRawPointer(left), UnsafeRawPointer(right))
        if count >= 8 {
            var index = 0
            while index < count &- 8 {
                guard areEqual(left, right, at: index, UInt64.self) else { return false }
                index &+= 8
            }
            return areEqual(left, right, at: count &- 8, UInt64.self)
        }
        if count >= 4 {
            return areEqual(left, right, at: 0, UInt32.self) && areEqual(left, right, at: count &- 4, UInt32.self)
        }
        if count >= 2 {
            return areEqual(left, right, at: 0, UInt16.self) && areEqual(left, right, at: count &- 2, UInt16.self)
        }
        return count <= 0 || areEqual(left, right, at: 0, UInt8.self)
    }

    @inlinable
    @inline(__always)
    static func areEqual<Word: FixedWidthInteger & BitwiseCopyable>(
        _ left: UnsafeRawPointer, _ right: UnsafeRawPointer, at index: Int, _ word: Word.Type
    ) -> Bool {
        left.loadUnaligned(fromByteOffset: index, as: word) == right.loadUnaligned(fromByteOffset: index, as: word)
    }

    /// Whether `bytes` are exactly `name`.
    @inlinable
    public static func areEqual(_ bytes: UnsafeRawBufferPointer, _ name: StaticString) -> Bool {
        guard bytes.count == name.utf8CodeUnitCount else { return false }
        guard let base = bytes.baseAddress else { return true }
        return areEqual(base.assumingMemoryBound(to: UInt8.self), name.utf8Start, bytes.count)
    }

    /// Where `byte` stands first; nil if it does not.
    public static func firstIndex(of byte: UInt8, in bytes: UnsafeRawBufferPointer) -> Int? {
        guard let base = bytes.baseAddress, let found = memchr(base, Int32(byte), bytes.count) else { return nil }
        return UnsafeRawPointer(found) - base
    }

    /// Copies `bytes`, ASCII letters in lower case, eight bytes a step.
    static func copyLowercased(_ bytes: UnsafeRawBufferPointer, to target: UnsafeMutableRawPointer) {
        let ones: UInt64 = 0x0101_0101_0101_0101
        var index = 0
        while index &+ 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            // A byte of seven bits has its eighth set by the first sum from "A" on, by the second behind "Z".
            let low = word & (ones &* 0x7F)
            let isCapital = (low &+ ones &* (0x80 - 0x41)) & ~(low &+ ones &* (0x80 - 0x5B)) & ~word & (ones &* 0x80)
            target.storeBytes(of: word | isCapital &>> 2, toByteOffset: index, as: UInt64.self)
            index &+= 8
        }
        while index < bytes.count {
            target.storeBytes(of: FieldTokens.lowercased(bytes[index]), toByteOffset: index, as: UInt8.self)
            index &+= 1
        }
    }

    /// Whether a byte of `bytes` is not above CR, as line ends and NUL are, and HTAB as well: eight bytes a step.
    static func mayHaveLineEnd(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        var index = 0
        while index &+ 8 <= bytes.count {
            let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            // Sean Anderson, Bit Twiddling Hacks: "Determine if a word has a byte less than n".
            guard (word &- ones &* 0x0E) & ~word & (ones &* 0x80) == 0 else { return true }
            index &+= 8
        }
        while index < bytes.count {
            guard bytes[index] > 0x0D else { return true }
            index &+= 1
        }
        return false
    }

    /// Whether `bytes` begin with `prefix`.
    @inlinable
    public static func hasPrefix(_ bytes: UnsafeRawBufferPointer, _ prefix: StaticString) -> Bool {
        guard bytes.count >= prefix.utf8CodeUnitCount, let base = bytes.baseAddress else { return false }
        return areEqual(base.assumingMemoryBound(to: UInt8.self), prefix.utf8Start, prefix.utf8CodeUnitCount)
    }
}
