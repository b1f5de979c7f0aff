// rtbridge: writing the lines of an HTTP/1.1 message into memory.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Where the next byte goes in room that was made for all of them at once.
struct HTTP1Cursor {
    private var place: UnsafeMutableRawPointer
    private let end: UnsafeMutableRawPointer

    /// Makes room for `count` bytes at the end of `buffer`, and has `write` fill it, or a part of it.
    static func write(upTo count: Int, into buffer: inout ByteBuffer, _ write: (inout HTTP1Cursor) -> Void) {
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { self.write(into: $0, write) }
    }

    /// - Returns: how many bytes `write` has written.
    @inline(__always)
    static func write(into room: UnsafeMutableRawBufferPointer, _ write: (inout HTTP1Cursor) -> Void) -> Int {
        guard let start = room.baseAddress else { return 0 }
        var cursor = HTTP1Cursor(place: start, end: start + room.count)
        write(&cursor)
        return cursor.place - start
    }

    private init(place: UnsafeMutableRawPointer, end: UnsafeMutableRawPointer) {
        self.place = place
        self.end = end
    }

    mutating func write(_ bytes: UnsafeRawBufferPointer) {
        guard let base = bytes.baseAddress else { return }
        precondition(bytes.count <= end - place, "HTTP1Cursor: \(bytes.count) bytes into \(end - place)")
        place.copyMemory(from: base, byteCount: bytes.count)
        place += bytes.count
    }

    mutating func write(_ text: StaticString) {
        write(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    mutating func write(text: String) {
        var text = text
        text.withUTF8 { write(UnsafeRawBufferPointer($0)) }
    }

    /// RFC 9110 §5.5: CR, LF and NUL in a value are "either rejected or replaced with SP".
    mutating func write(value: UnsafeRawBufferPointer) {
        let start = place
        write(value)
        guard FieldBytes.mayHaveLineEnd(value) else { return }
        for index in value.indices where [0x0D, 0x0A, 0].contains(value[index]) {
            start.storeBytes(of: UInt8(ascii: " "), toByteOffset: index, as: UInt8.self)
        }
    }
}
