// rtbridge: the lines of an HTTP/1.1 message.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Lines of RFC 9112, for requests and responses.
public enum HTTP1Lines {
    /// A line for each field. Pseudo-header fields are left out, and CR, LF and NUL in a value become spaces
    /// (RFC 9110 §5.5).
    public static func write(_ fields: FieldBlock, into buffer: inout ByteBuffer) {
        guard !fields.isEmpty else { return }
        HTTP1Cursor.write(upTo: length(fields), into: &buffer) { write(fields, &$0) }
    }

    /// What the lines take at most.
    static func length(_ fields: FieldBlock) -> Int { fields.byteCount + 4 * fields.count }

    static func write(_ fields: FieldBlock, _ cursor: inout HTTP1Cursor) {
        fields.forEach { name, value in
            guard name.first != UInt8(ascii: ":") else { return }
            cursor.write(name)
            cursor.write(": ")
            cursor.write(value: value)
            cursor.write("\r\n")
        }
    }

    /// Status line and fields, without the empty line.
    public static func writeHead(
        status: UnsafeRawBufferPointer, reason: String, _ fields: FieldBlock, into buffer: inout ByteBuffer
    ) {
        let count = 16 + status.count + reason.utf8.count + length(fields)
        HTTP1Cursor.write(upTo: count, into: &buffer) { cursor in
            cursor.write("HTTP/1.1 ")
            cursor.write(status)
            cursor.write(" ")
            cursor.write(text: reason)
            cursor.write("\r\n")
            write(fields, &cursor)
        }
    }

    /// RFC 9112 §7.1: the size in hexadecimal.
    public static func writeChunkHeader(_ count: Int, into buffer: inout ByteBuffer) {
        HTTP1Cursor.write(upTo: 18, into: &buffer) { cursor in
            var shift = max(0, (Int.bitWidth - 1 - count.leadingZeroBitCount) / 4 * 4)
            while shift >= 0 {
                let digit = UInt8(truncatingIfNeeded: count >> shift) & 0xF
                let byte = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") - 10 + digit
                withUnsafeBytes(of: byte) { cursor.write($0) }
                shift -= 4
            }
            cursor.write("\r\n")
        }
    }
}
