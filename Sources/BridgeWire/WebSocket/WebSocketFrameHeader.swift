// rtbridge: the header of a WebSocket frame.
// SPDX-License-Identifier: Apache-2.0

/// A frame's header as it stands on the wire, not yet checked (RFC 6455 §5.2).
struct WebSocketFrameHeader {
    /// FIN, RSV1–3 and the opcode.
    var first: UInt8
    /// MASK and the 7-bit length.
    var second: UInt8
    /// The length that the peer wrote, whatever it is.
    var payloadLength: UInt64
    /// The masking key's four bytes as they lie in memory; 0 without a mask.
    var maskKey: UInt32

    var isFinal: Bool { first & 0x80 != 0 }
    var isMasked: Bool { second & 0x80 != 0 }

    /// RFC 6455 §5.2: a 7-bit length of 126 announces 16 bits, one of 127 announces 64.
    static let length16 = UInt8(126)
    static let length64 = UInt8(127)
    /// RFC 6455 §5.5.
    static let maximumControlPayload = 125

    /// The length of the header whose second byte is `second`: 2, 4 or 10, and 4 more for a masking key.
    static func length(second: UInt8) -> Int {
        let masking = second & 0x80 != 0 ? 4 : 0
        switch second & 0x7F {
        case length16: return 4 + masking
        case length64: return 10 + masking
        default: return 2 + masking  // The length itself, 0...125.
        }
    }

    /// - Parameter bytes: at least as many as ``length(second:)`` tells.
    init(_ bytes: UnsafeRawPointer) {
        first = bytes.load(as: UInt8.self)
        second = bytes.load(fromByteOffset: 1, as: UInt8.self)
        switch second & 0x7F {
        case Self.length16:
            payloadLength = UInt64(UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self)))
        case Self.length64: payloadLength = UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt64.self))
        case let short: payloadLength = UInt64(short)
        }
        let end = Self.length(second: second)
        maskKey = second & 0x80 != 0 ? bytes.loadUnaligned(fromByteOffset: end - 4, as: UInt32.self) : 0
    }

    /// RFC 6455 §5.2: "the minimal number of bytes MUST be used to encode the length".
    var isLengthMinimal: Bool {
        switch second & 0x7F {
        case Self.length16: payloadLength >= 126
        case Self.length64: payloadLength > UInt64(UInt16.max)
        default: true
        }
    }
}
