// rtbridge: a field of the static table of HPACK.
// SPDX-License-Identifier: Apache-2.0

/// Where name and value lie in constant memory.
struct HPACKStaticEntry {
    let name: UnsafeRawPointer
    let value: UnsafeRawPointer
    let nameLength: UInt16
    let valueLength: UInt16
    /// The first index with this name.
    let first: UInt16

    /// - Parameter line: the name; and a space and the value, unless that is empty.
    init(line: Slice<UnsafeRawBufferPointer>, first: Int) {
        let bytes = UnsafeRawBufferPointer(rebasing: line)
        let length = bytes.firstIndex(of: UInt8(ascii: " ")) ?? bytes.count
        let start = min(length + 1, bytes.count)
        name = bytes.baseAddress.unsafelyUnwrapped
        value = name + start
        nameLength = UInt16(length)
        valueLength = UInt16(bytes.count - start)
        self.first = UInt16(first)
    }

    @inline(__always)
    var nameBytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: name, count: Int(nameLength)) }

    @inline(__always)
    var valueBytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: value, count: Int(valueLength)) }
}
