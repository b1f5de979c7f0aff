// rtbridge: memory for the strings of a block of fields while it is decoded.
// SPDX-License-Identifier: Apache-2.0

/// Where decoded Huffman code goes: the stack while that is enough, else one allocation for the whole block. The strings of
/// a field lie one behind the other; the next field's take their place.
struct HPACKScratch: ~Copyable {
    private let stack: UnsafeMutableRawBufferPointer
    private var heap: UnsafeMutableRawBufferPointer?
    private var used = 0

    /// What most paths, user agents and tokens fit in.
    static let stackBytes = 512

    init(stack: UnsafeMutableRawBufferPointer) { self.stack = stack }

    deinit { heap?.deallocate() }

    @inline(__always)
    mutating func beginField() { used = 0 }

    /// - Parameters:
    ///   - count: how many bytes are wanted.
    ///   - all: what all the rest of the block may want, this field's included.
    mutating func room(for count: Int, of all: Int) -> UnsafeMutableRawPointer {
        let end = used + count
        if let heap { return heap.baseAddress.unsafelyUnwrapped + used }
        if end <= stack.count { return stack.baseAddress.unsafelyUnwrapped + used }
        // A name may lie on the stack by now, and stays there.
        let heap = UnsafeMutableRawBufferPointer.allocate(byteCount: used + all, alignment: 8)
        self.heap = heap
        return heap.baseAddress.unsafelyUnwrapped + used
    }

    /// Keeps the last `count` bytes until the next field.
    @inline(__always)
    mutating func keep(_ count: Int) { used += count }
}
