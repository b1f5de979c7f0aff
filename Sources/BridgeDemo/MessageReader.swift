// rtbridge: gRPC's messages, read off a byte stream.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Cuts a request body into messages: "Compressed-Flag Message-Length Message" (gRPC PROTOCOL-HTTP2.md,
/// "Length-Prefixed-Message"), one byte, four bytes in big-endian order, then the message.
struct MessageReader {
    enum Problem: Error, Equatable {
        case compressed
        case tooLong(UInt32)
    }

    /// Names are short.
    static let maximumMessage = 64 * 1024

    private static let prefix = 5

    private var held = ByteBuffer()

    mutating func append(_ bytes: ByteBuffer) {
        held.discardReadBytes()
        held.writeImmutableBuffer(bytes)
    }

    /// Whether no message has begun.
    var isAtBoundary: Bool { held.readableBytes == 0 }

    /// The next message, if all of it is here.
    mutating func next() throws(Problem) -> ByteBuffer? {
        let start = held.readerIndex
        guard let flag: UInt8 = held.getInteger(at: start), let length: UInt32 = held.getInteger(at: start + 1) else {
            return nil
        }
        guard flag == 0 else { throw .compressed }
        guard length <= UInt32(Self.maximumMessage) else { throw .tooLong(length) }
        guard let message = held.getSlice(at: start + Self.prefix, length: Int(length)) else { return nil }
        held.moveReaderIndex(forwardBy: Self.prefix + Int(length))
        return message
    }
}
