// rtbridge: where a field is in the encoder's dynamic table.
// SPDX-License-Identifier: Apache-2.0

/// Numbers of fields of an ``HPACKTable`` by hash: of the whole field, and of its name alone.
///
/// Fields of one slot are a chain, from the newest to the oldest. As the oldest field of the table is always the first to go,
/// a chain ends where a number is no longer in the table, and nothing need be taken out.
struct HPACKIndex: ~Copyable {
    /// First numbers of the chains of whole fields, those of names, and then what follows each number in them.
    private var slots: UnsafeMutablePointer<UInt32>?
    /// A power of two, or 0.
    private(set) var capacity = 0

    deinit { slots?.deallocate() }

    /// Where a chain begins; there must be room for fields.
    @inline(__always)
    func first(_ hash: UInt64) -> UInt32 { slots.unsafelyUnwrapped[place(hash)] }

    @inline(__always)
    func next(_ number: UInt32) -> UInt32 { slots.unsafelyUnwrapped[2 &* capacity &+ place(UInt64(number))] }

    @inline(__always)
    func firstOfName(_ hash: UInt64) -> UInt32 { slots.unsafelyUnwrapped[capacity &+ place(hash)] }

    @inline(__always)
    func nextOfName(_ number: UInt32) -> UInt32 { slots.unsafelyUnwrapped[3 &* capacity &+ place(UInt64(number))] }

    @inline(__always)
    private func place(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash) & (capacity &- 1) }

    mutating func insert(_ number: UInt32, hash: UInt64, nameHash: UInt64) {
        let slots = slots.unsafelyUnwrapped
        let own = place(UInt64(number))
        slots[2 * capacity + own] = slots[place(hash)]
        slots[place(hash)] = number
        slots[3 * capacity + own] = slots[capacity + place(nameHash)]
        slots[capacity + place(nameHash)] = number
    }

    /// Makes room for so many fields, a power of two or 0, and forgets all.
    ///
    /// - Parameter number: none that is in the table.
    mutating func reset(fields: Int, to number: UInt32) {
        slots?.deallocate()
        capacity = fields
        slots = capacity == 0 ? nil : .allocate(capacity: 4 * capacity)
        slots?.initialize(repeating: number, count: 4 * capacity)
    }
}
