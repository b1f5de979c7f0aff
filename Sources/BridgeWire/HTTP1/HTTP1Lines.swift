// rtbridge: the lines of an HTTP/1.1 message.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Lines of RFC 9112, for requests and responses.
public enum HTTP1Lines {
    /// A line for each field. Pseudo-header fields are left out, and CR, LF and NUL in a value become spaces
    /// (RFC 9110 §5.5).
    public static func write(_ fields: FieldBlock, into buffer: inout ByteBuffer) {
        fields.forEach { name, value in
            guard name.first != UInt8(ascii: ":") else { return }
            buffer.writeBytes(name)
            buffer.writeStaticString(": ")
            let start = buffer.writerIndex
            buffer.writeBytes(value)
            for index in 0..<value.count where value[index] <= 0x0D {
                let byte = value[index]
                if byte == 0x0D || byte == 0x0A || byte == 0 { buffer.setInteger(UInt8(ascii: " "), at: start + index) }
            }
            buffer.writeStaticString("\r\n")
        }
    }

    /// RFC 9112 §7.1: the size in hexadecimal.
    public static func writeChunkHeader(_ count: Int, into buffer: inout ByteBuffer) {
        buffer.writeString(String(count, radix: 16))
        buffer.writeStaticString("\r\n")
    }
}
