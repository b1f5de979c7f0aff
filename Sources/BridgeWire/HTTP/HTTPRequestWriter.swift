// rtbridge: the head of an HTTP/1.1 request.
// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// Writes a request's head so that nothing in it can be taken for something else (RFC 9112 §3 and §5).
enum HTTPRequestWriter {
    /// - Parameter target: the path and the query, as they came; bytes that a request line cannot have are
    ///   percent-encoded (RFC 3986 §2.1).
    static func writeLine(_ method: StaticString, _ target: some Sequence<UInt8>, into buffer: inout ByteBuffer) {
        buffer.writeStaticString(method)
        buffer.writeStaticString(" ")
        for byte in target {
            if byte > 0x20, byte != 0x7F {
                buffer.writeInteger(byte)
            } else {
                buffer.writeString(byte < 0x10 ? "%0" : "%")
                buffer.writeString(String(byte, radix: 16, uppercase: true))
            }
        }
        buffer.writeStaticString(" HTTP/1.1\r\n")
    }

    /// CR, LF and NUL in a value become spaces (RFC 9110 §5.5).
    static func write(_ name: some Sequence<UInt8>, _ value: some Sequence<UInt8>, into buffer: inout ByteBuffer) {
        buffer.writeBytes(name)
        buffer.writeStaticString(": ")
        buffer.writeBytes(value.lazy.map { $0 == 0x0D || $0 == 0x0A || $0 == 0 ? 0x20 : $0 })
        buffer.writeStaticString("\r\n")
    }

    static func write(_ fields: FieldBlock, into buffer: inout ByteBuffer) {
        fields.forEach { name, value in
            if name.first != UInt8(ascii: ":") { write(name, value, into: &buffer) }
        }
    }
}
