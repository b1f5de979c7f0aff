// rtbridge: server-sent events on the wire.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Writes a stream of events (HTML Living Standard §9.2.5, "Parsing an event stream").
public enum EventStream {
    public static let contentType: StaticString = "text/event-stream"

    /// A line that clients ignore; it keeps proxies on the way from taking the stream for dead.
    public static let comment = ByteBuffer(string: ":\n\n")

    /// An event whose data is text. Each of its lines is a field of its own; LF, CR and CR LF all end a line, and the
    /// client gets LF for each.
    ///
    /// - Parameters:
    ///   - type: nil is `message`.
    ///   - id: nil leaves the client's last one as it is.
    ///   - data: valid UTF-8.
    public static func write(
        type: StaticString? = nil, id: String?, text data: UnsafeRawBufferPointer, into buffer: inout ByteBuffer
    ) {
        writeHead(type, id, into: &buffer)
        var start = 0
        var index = 0
        while index < data.count {
            let byte = data[index]
            guard byte == 0x0A || byte == 0x0D else {
                index += 1
                continue
            }
            writeLine(UnsafeRawBufferPointer(rebasing: data[start..<index]), into: &buffer)
            index += byte == 0x0D && index + 1 < data.count && data[index + 1] == 0x0A ? 2 : 1
            start = index
        }
        writeLine(UnsafeRawBufferPointer(rebasing: data[start...]), into: &buffer)
        buffer.writeStaticString("\n")
    }

    public static func write(type: StaticString? = nil, id: String?, text: String, into buffer: inout ByteBuffer) {
        var text = text
        text.withUTF8 { write(type: type, id: id, text: UnsafeRawBufferPointer($0), into: &buffer) }
    }

    /// An event whose data is base64 (RFC 4648 §4).
    public static func write(id: String?, base64 data: UnsafeRawBufferPointer, into buffer: inout ByteBuffer) {
        writeHead(nil, id, into: &buffer)
        buffer.writeStaticString("data: ")
        Base64Encoder.write(data, into: &buffer)
        buffer.writeStaticString("\n\n")
    }

    /// How long the client waits before it comes back.
    public static func writeRetry(milliseconds: Int64, into buffer: inout ByteBuffer) {
        buffer.writeString("retry: \(milliseconds)\n")
    }

    private static func writeHead(_ type: StaticString?, _ id: String?, into buffer: inout ByteBuffer) {
        if let type {
            buffer.writeStaticString("event: ")
            buffer.writeStaticString(type)
            buffer.writeStaticString("\n")
        }
        guard let id else { return }
        buffer.writeStaticString("id: ")
        buffer.writeString(id)
        buffer.writeStaticString("\n")
    }

    private static func writeLine(_ line: UnsafeRawBufferPointer, into buffer: inout ByteBuffer) {
        buffer.writeStaticString("data: ")
        buffer.writeBytes(line)
        buffer.writeStaticString("\n")
    }
}
