// rtbridge: the opcodes of WebSocket frames.
// SPDX-License-Identifier: Apache-2.0

/// What a frame is (RFC 6455 §5.2). The values 3–7 and 11–15 are reserved and have no case.
public enum WebSocketOpcode: UInt8, Sendable {
    case continuation = 0x0
    case text = 0x1
    case binary = 0x2
    case close = 0x8
    case ping = 0x9
    case pong = 0xA

    /// RFC 6455 §5.5: "Control frames are identified by opcodes where the most significant bit of the opcode is 1."
    @inlinable
    public var isControl: Bool { rawValue & 0x8 != 0 }
}
