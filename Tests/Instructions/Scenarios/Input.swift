// rtbridge: bytes that scenarios send.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import NIOCore

/// Every call gives a buffer of its own, as a read from a socket does.
enum Input {
    static func bytes(_ count: Int) -> ByteBuffer {
        ByteBuffer(bytes: (0..<count).map { UInt8(truncatingIfNeeded: $0 ^ ($0 >> 8)) })
    }

    /// A gRPC message of `count` bytes with its prefix.
    static func message(_ count: Int) -> ByteBuffer {
        var frame = ByteBuffer()
        frame.writeInteger(UInt8(0))
        frame.writeInteger(UInt32(count))
        frame.writeImmutableBuffer(bytes(count))
        return frame
    }

    static func base64(_ bytes: ByteBuffer) -> ByteBuffer {
        var text = ByteBuffer()
        bytes.withUnsafeReadableBytes { Base64Encoder.write($0, into: &text) }
        return text
    }

    /// A client's WebSocket frame.
    static func frame(_ count: Int) -> ByteBuffer {
        var frame = ByteBuffer()
        WebSocketEncoder.writeFrame(opcode: .binary, payload: bytes(count), maskKey: 0x9A3C_51E7, into: &frame)
        return frame
    }

    static func copy(_ bytes: ByteBuffer) -> ByteBuffer {
        var copy = ByteBufferAllocator().buffer(capacity: bytes.readableBytes)
        copy.writeImmutableBuffer(bytes)
        return copy
    }
}
