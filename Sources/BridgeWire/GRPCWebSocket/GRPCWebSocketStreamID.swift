// rtbridge: the number before each message of many calls on one WebSocket.
// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// Four bytes before every message of `grpc-websockets-multiplex`, either way (Deephaven's multiplexed transport): the
/// stream's number, big-endian, whose top bit says that its sender has ended the stream.
public struct GRPCWebSocketStreamID: Hashable, Sendable {
    public static let length = 4
    private static let finalBit: UInt32 = 1 << 31

    /// 0 to 0x7FFFFFFF.
    public var number: UInt32
    public var isFinal: Bool

    public init(number: UInt32, isFinal: Bool = false) {
        self.number = number & ~Self.finalBit
        self.isFinal = isFinal
    }

    /// From the four bytes as they stand on the wire.
    public init(wire: UInt32) {
        number = wire & ~Self.finalBit
        isFinal = wire & Self.finalBit != 0
    }

    public var wire: UInt32 { number | (isFinal ? Self.finalBit : 0) }

    /// The server takes no further streams; a client answers with the same number, the top bit and `01`.
    public static let goAway = GRPCWebSocketStreamID(number: 0x7FFF_FFFF)
}
