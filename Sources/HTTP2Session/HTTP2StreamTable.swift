// rtbridge: an HTTP/2 session's streams by their identifiers.
// SPDX-License-Identifier: Apache-2.0

/// A hash table with open addressing. It holds no references.
struct HTTP2StreamTable: ~Copyable {
    private struct Slot {
        var id: Int32
        var stream: Unmanaged<HTTP2Stream>?
    }

    private static let initialCapacity = 8

    private var slots: UnsafeMutablePointer<Slot>?
    /// A power of two; 0 until there is a stream.
    private var capacity = 0
    /// Bits of a hash that are not its place's.
    private var shift: UInt32 = 32
    private var count = 0

    deinit { slots?.deallocate() }

    /// Identifiers are given out in order (RFC 9113 §5.1.1), and would stand side by side; so they are spread evenly, and one that
    /// goes has few behind it (Knuth, The Art of Computer Programming, vol. 3, §6.4: Fibonacci hashing).
    @inline(__always)
    private func home(_ id: Int32) -> Int { Int((UInt32(bitPattern: id) &* 0x9E37_79B1) &>> shift) }

    @inline(__always)
    func find(_ id: Int32) -> Unmanaged<HTTP2Stream>? {
        guard let slots else { return nil }
        var place = home(id)
        while let stream = slots[place].stream {
            if slots[place].id == id { return stream }
            place = (place &+ 1) & (capacity &- 1)
        }
        return nil
    }

    mutating func insert(_ id: Int32, _ stream: Unmanaged<HTTP2Stream>) {
        if 2 * (count + 1) > capacity { grow() }
        count += 1
        put(Slot(id: id, stream: stream))
    }

    private func put(_ slot: Slot) {
        guard let slots else { return }
        var place = home(slot.id)
        while slots[place].stream != nil { place = (place &+ 1) & (capacity &- 1) }
        slots[place] = slot
    }

    private mutating func grow() {
        let (old, oldCapacity) = (slots, capacity)
        capacity = max(2 * capacity, Self.initialCapacity)
        shift = UInt32(capacity.leadingZeroBitCount - 31)
        slots = .allocate(capacity: capacity)
        slots?.initialize(repeating: Slot(id: 0, stream: nil), count: capacity)
        guard let old else { return }
        for index in 0..<oldCapacity where old[index].stream != nil { put(old[index]) }
        old.deallocate()
    }

    /// Those that were put behind a stream because their own places were taken move up.
    mutating func remove(_ id: Int32) {
        guard let slots, capacity > 0 else { return }
        let mask = capacity &- 1
        var free = home(id)
        while slots[free].id != id || slots[free].stream == nil {
            guard slots[free].stream != nil else { return }
            free = (free &+ 1) & mask
        }
        count -= 1
        var place = free
        while true {
            place = (place &+ 1) & mask
            guard slots[place].stream != nil else { break }
            // May it stand at `free`, or is that before its home?
            let distance = (place &- home(slots[place].id)) & mask
            guard distance >= (place &- free) & mask else { continue }
            slots[free] = slots[place]
            free = place
        }
        slots[free] = Slot(id: 0, stream: nil)
        if count == 0, capacity > 64 { reset() }
    }

    /// A connection that was busy once does not keep its table.
    private mutating func reset() {
        slots?.deallocate()
        slots = nil
        capacity = 0
    }
}
