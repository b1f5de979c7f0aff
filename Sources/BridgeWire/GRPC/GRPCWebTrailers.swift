// rtbridge: header and trailer blocks inside a gRPC-Web body.
// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// The frames of a gRPC-Web body that hold fields: `80 len32`, then lines `name:value\r\n` (gRPC PROTOCOL-WEB.md, "Message
/// framing": "Trailers must be the last message of the response", encoded "in HTTP/1 trailers format", names in lower case).
public enum GRPCWebTrailers {
    /// Appends the frame that ends a response: all the back-end's trailers, and exactly one valid `grpc-status`.
    ///
    /// Left out are pseudo-header and hop-by-hop fields and what is no field name. `grpc-message` is made decodable
    /// (``GRPCMessageText/sanitise(_:)``). Without a valid `grpc-status` the status is UNKNOWN.
    ///
    /// - Parameter asciiOnly: whether bytes outside 0x20–0x7E and TAB become `?`, for clients that read the block as ASCII.
    public static func write(_ fields: FieldBlock, asciiOnly: Bool = false, into buffer: inout ByteBuffer) {
        writeFrame(into: &buffer) { buffer in
            var hasStatus = false
            var hasMessage = false
            fields.forEach { name, value in
                if FieldBytes.areEqual(name, "grpc-status") {
                    guard !hasStatus, GRPCStatusCode.number(value) != nil else { return }
                    hasStatus = true
                } else if FieldBytes.areEqual(name, "grpc-message") {
                    guard !hasMessage else { return }
                    hasMessage = true
                }
                writeLine(name, value, asciiOnly, &buffer)
            }
            if !hasStatus { buffer.writeStaticString("grpc-status:2\r\n") }
            if !hasStatus, !hasMessage {
                buffer.writeStaticString("grpc-message:the back-end sent no valid grpc-status\r\n")
            }
        }
    }

    /// Appends a frame of response headers, with which improbable-eng's WebSocket transport begins.
    public static func writeHeaders(_ fields: FieldBlock, asciiOnly: Bool = true, into buffer: inout ByteBuffer) {
        writeFrame(into: &buffer) { buffer in
            fields.forEach { writeLine($0, $1, asciiOnly, &buffer) }
        }
    }

    /// The fields of a block, lines ended by CR LF or LF; an empty line is passed over.
    ///
    /// - Returns: `nil` if a line is no field: no colon, a name that is no token, or a value with control characters.
    public static func parse(_ block: UnsafeRawBufferPointer) -> FieldBlock? {
        var fields = FieldBlock()
        for var line in block.split(separator: UInt8(ascii: "\n")) {
            if line.last == UInt8(ascii: "\r") { line.removeLast() }
            if line.isEmpty { continue }
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return nil }
            let name = UnsafeRawBufferPointer(rebasing: line[..<colon])
            let value = FieldTokens.trimmed(UnsafeRawBufferPointer(rebasing: line[(colon + 1)...]))
            guard FieldTokens.isToken(name), value.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
                return nil
            }
            fields.append(name: name, value: value)
        }
        return fields
    }

    private static func writeFrame(into buffer: inout ByteBuffer, _ block: (inout ByteBuffer) -> Void) {
        buffer.writeInteger(GRPCFrame.trailersFlag)
        let lengthIndex = buffer.writerIndex
        buffer.writeInteger(UInt32(0))
        let start = buffer.writerIndex
        block(&buffer)
        buffer.setInteger(UInt32(clamping: buffer.writerIndex - start), at: lengthIndex)
    }

    private static func writeLine(
        _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ asciiOnly: Bool, _ buffer: inout ByteBuffer
    ) {
        // A pseudo-header's colon is no tchar.
        guard FieldTokens.isToken(name), !HopByHop.isHopByHop(name) else { return }
        buffer.writeBytes(name)
        buffer.writeInteger(UInt8(ascii: ":"))
        if FieldBytes.areEqual(name, "grpc-message") {
            buffer.writeBytes(GRPCMessageText.sanitise(value))
        } else {
            writeValue(value, asciiOnly, &buffer)
        }
        buffer.writeStaticString("\r\n")
    }

    /// RFC 9110 §5.5: CR, LF and NUL in a field value are dangerous; a recipient "MUST either reject the message or
    /// replace each of those characters with SP".
    private static func writeValue(_ value: UnsafeRawBufferPointer, _ asciiOnly: Bool, _ buffer: inout ByteBuffer) {
        let start = buffer.writerIndex
        buffer.writeBytes(value)
        for (index, byte) in value.enumerated() where byte < 0x20 || byte > 0x7E {
            if byte == 0x0D || byte == 0x0A || byte == 0 {
                buffer.setInteger(UInt8(ascii: " "), at: start + index)
            } else if asciiOnly, byte != 0x09 {
                buffer.setInteger(UInt8(ascii: "?"), at: start + index)
            }
        }
    }
}
