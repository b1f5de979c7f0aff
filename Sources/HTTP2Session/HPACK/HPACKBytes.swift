// rtbridge: short runs of bytes.
// SPDX-License-Identifier: Apache-2.0

/// Comparing, copying and hashing of names and values: most have 3 to 30 bytes, where a call to libc costs more than the work.
enum HPACKBytes {
    @inline(__always)
    private static func word(_ bytes: UnsafeRawPointer, _ offset: Int) -> UInt64 {
        bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }

    @inline(__always)
    private static func half(_ bytes: UnsafeRawPointer, _ offset: Int) -> UInt32 {
        bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
    }

    @inline(__always)
    static func areEqual(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
        guard left.count == right.count else { return false }
        guard let one = left.baseAddress, let other = right.baseAddress else { return true }
        return areEqual(one, other, left.count)
    }

    @inline(__always)
    static func areEqual(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        guard bytes.count == text.utf8CodeUnitCount else { return false }
        guard let base = bytes.baseAddress else { return true }
        return areEqual(base, UnsafeRawPointer(text.utf8Start), text.utf8CodeUnitCount)
    }

    /// Eight bytes a step, the last ones of which may have been compared before.
    @inline(__always)
    static func areEqual(_ left: UnsafeRawPointer, _ right: UnsafeRawPointer, _ count: Int) -> Bool {
        if count >= 8 {
            var index = 0
            while index < count &- 8 {
                guard word(left, index) == word(right, index) else { return false }
                index &+= 8
            }
            return word(left, count &- 8) == word(right, count &- 8)
        }
        if count >= 4 {
            return half(left, 0) == half(right, 0) && half(left, count &- 4) == half(right, count &- 4)
        }
        var index = 0
        while index < count {
            guard left.load(fromByteOffset: index, as: UInt8.self) == right.load(fromByteOffset: index, as: UInt8.self)
            else { return false }
            index &+= 1
        }
        return true
    }

    /// Copies bytes to other memory, exactly `bytes.count` of them.
    @inline(__always)
    static func copy(_ bytes: UnsafeRawBufferPointer, to target: UnsafeMutableRawPointer) {
        guard let source = bytes.baseAddress else { return }
        let count = bytes.count
        if count > 64 {
            target.copyMemory(from: source, byteCount: count)
        } else if count >= 8 {
            var index = 0
            while index < count &- 8 {
                target.storeBytes(of: word(source, index), toByteOffset: index, as: UInt64.self)
                index &+= 8
            }
            target.storeBytes(of: word(source, count &- 8), toByteOffset: count &- 8, as: UInt64.self)
        } else if count >= 4 {
            let last = half(source, count &- 4)
            target.storeBytes(of: half(source, 0), as: UInt32.self)
            target.storeBytes(of: last, toByteOffset: count &- 4, as: UInt32.self)
        } else {
            var index = 0
            while index < count {
                target.storeBytes(
                    of: source.load(fromByteOffset: index, as: UInt8.self), toByteOffset: index, as: UInt8.self)
                index &+= 1
            }
        }
    }

    /// A hash of three words at most: the first, the last and the middle one. Fields that differ elsewhere alone are told
    /// apart by comparing them; a table has some hundred.
    ///
    /// - Parameter seed: what tells apart fields whose bytes are the same: where their name ends.
    @inline(__always)
    static func hash(_ bytes: UnsafeRawPointer, _ count: Int, seed: Int) -> UInt64 {
        let seed = UInt64(truncatingIfNeeded: seed &<< 32 | count)
        if count >= 8 {
            let ends = mixed(mixed(seed, word(bytes, 0)), word(bytes, count &- 8))
            return mixed(ends, word(bytes, (count &- 8) &>> 1))
        }
        var hash = seed
        var index = 0
        while index < count {
            hash = mixed(hash, UInt64(bytes.load(fromByteOffset: index, as: UInt8.self)))
            index &+= 1
        }
        return hash
    }

    /// Fibonacci hashing (Knuth, TAOCP 6.4); the shift has the low bits depend on all.
    @inline(__always)
    private static func mixed(_ hash: UInt64, _ word: UInt64) -> UInt64 {
        let product = (hash ^ word) &* 0x9E37_79B9_7F4A_7C15
        return product ^ product &>> 32
    }
}
