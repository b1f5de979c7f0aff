// rtbridge: where a field is in the encoder's dynamic table.
// SPDX-License-Identifier: Apache-2.0

/// Numbers of fields of an ``HPACKTable`` by hash: of the whole field, and of its name alone.
///
/// Fields of one slot are a chain, from the newest to the oldest. As the oldest field of the table is always the first to go,
/// a chain ends where a number is no longer in the table, and nothing need be taken out.
struct HPACKIndex: ~Copyable {
    /// The first numbers of the chains of whole fields, what follows each number in them, and the same of names.
    private var slots: UnsafeMutablePointer<UInt32>?
    /// A power of two, or 0.
    private(set) var capacity = 0

    /// Slots a field for the first numbers: so that most chains are of one field.
    private static let spread = 4
    private static let slotsPerField = spread + 3

    deinit { slots?.deallocate() }

    /// Where a chain begins; there must be room for fields.
    @inline(__always)
    func first(_ hash: UInt64) -> UInt32 { slots.unsafelyUnwrapped[place(hash)] }

    @inline(__always)
    func next(_ number: UInt32) -> UInt32 { slots.unsafelyUnwrapped[own(number)] }

    func firstOfName(_ hash: UInt64) -> UInt32 { slots.unsafelyUnwrapped[namePlace(hash)] }

    func nextOfName(_ number: UInt32) -> UInt32 { slots.unsafelyUnwrapped[own(number) + capacity] }

    mutating func insert(_ number: UInt32, hash: UInt64, nameHash: UInt64) {
        let slots = slots.unsafelyUnwrapped
        slots[own(number)] = slots[place(hash)]
        slots[place(hash)] = number
        slots[own(number) + capacity] = slots[namePlace(nameHash)]
        slots[namePlace(nameHash)] = number
    }

    @inline(__always)
    private func place(_ hash: UInt64) -> Int { Int(truncatingIfNeeded: hash) & (Self.spread &* capacity &- 1) }

    @inline(__always)
    private func own(_ number: UInt32) -> Int {
        Self.spread &* capacity &+ (Int(truncatingIfNeeded: number) & (capacity &- 1))
    }

    private func namePlace(_ hash: UInt64) -> Int {
        (Self.spread + 2) * capacity + (Int(truncatingIfNeeded: hash) & (capacity - 1))
    }

    /// Makes room for so many fields, a power of two or 0, and forgets all.
    ///
    /// - Parameter number: none that is in the table.
    mutating func reset(fields: Int, to number: UInt32) {
        slots?.deallocate()
        capacity = fields
        slots = capacity == 0 ? nil : .allocate(capacity: Self.slotsPerField * capacity)
        slots?.initialize(repeating: number, count: Self.slotsPerField * capacity)
    }
}
