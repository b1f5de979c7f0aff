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

    /// Eight bytes a step.
    @inlinable
    static func areEqual(_ left: UnsafePointer<UInt8>, _ right: UnsafePointer<UInt8>, _ count: Int) -> Bool {
        var index = commonWords(left, right, count)
        guard count &- index < 8 else { return false }
        while index < count {
            guard left[index] == right[index] else { return false }
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
