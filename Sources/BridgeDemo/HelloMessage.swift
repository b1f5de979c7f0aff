// rtbridge: the two messages of helloworld.Greeter in protobuf's wire format.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// `HelloRequest { string name = 1; }` and `HelloReply { string message = 1; }` (protobuf.dev, "Encoding").
enum HelloMessage {
    /// Field 1 with wire type 2 (LEN).
    private static let stringTag: UInt64 = 1 << 3 | 2

    private static let maximumVarint = 10

    /// The name of a HelloRequest; unknown fields are skipped, and of a repeated field the last one counts.
    /// - Returns: nil if the bytes are not protobuf, or the name is not UTF-8.
    static func decodeName(_ message: ByteBuffer) -> String? {
        var rest = message
        var name = ""
        while rest.readableBytes > 0 {
            guard let tag = readVarint(&rest), tag >> 3 != 0 else { return nil }
            if tag == stringTag {
                guard let length = readVarint(&rest), let count = Int(exactly: length), count <= rest.readableBytes,
                    let bytes = rest.readBytes(length: count), let text = String(validating: bytes, as: UTF8.self)
                else { return nil }
                name = text
            } else {
                guard skipValue(ofType: tag & 7, &rest) else { return nil }
            }
        }
        return name
    }

    /// A HelloReply with gRPC's prefix before it.
    static func frame(_ text: String) -> ByteBuffer {
        var message = ByteBuffer()
        if !text.isEmpty {
            writeVarint(stringTag, to: &message)
            writeVarint(UInt64(text.utf8.count), to: &message)
            message.writeString(text)
        }
        var frame = ByteBuffer()
        frame.reserveCapacity(5 + message.readableBytes)
        frame.writeInteger(UInt8(0))
        frame.writeInteger(UInt32(message.readableBytes))
        frame.writeBuffer(&message)
        return frame
    }

    /// Groups (3 and 4) are gone from proto3, and 6 and 7 never were.
    private static func skipValue(ofType type: UInt64, _ rest: inout ByteBuffer) -> Bool {
        switch type {
        case 0: return readVarint(&rest) != nil
        case 1: return skip(8, &rest)
        case 2: return readVarint(&rest).map { skip($0, &rest) } ?? false
        case 5: return skip(4, &rest)
        default: return false
        }
    }

    private static func skip(_ length: UInt64, _ rest: inout ByteBuffer) -> Bool {
        guard let count = Int(exactly: length), count <= rest.readableBytes else { return false }
        rest.moveReaderIndex(forwardBy: count)
        return true
    }

    private static func readVarint(_ rest: inout ByteBuffer) -> UInt64? {
        var value: UInt64 = 0
        for index in 0..<maximumVarint {
            guard let byte: UInt8 = rest.readInteger() else { return nil }
            value |= UInt64(byte & 0x7F) << UInt64(7 * index)
            if byte < 0x80 { return value }
        }
        return nil
    }

    private static func writeVarint(_ value: UInt64, to buffer: inout ByteBuffer) {
        var value = value
        while value > 0x7F {
            buffer.writeInteger(UInt8(value & 0x7F) | 0x80)
            value >>= 7
        }
        buffer.writeInteger(UInt8(value))
    }
}
