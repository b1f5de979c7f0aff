// rtbridge: which stream the pieces of a multiplexed WebSocket belong to.
// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// Takes the number off the beginning of each message of `grpc-websockets-multiplex`, however the message is cut.
///
/// Fragments of two messages never mix (RFC 6455 §5.4), so one number is all that is kept.
public struct GRPCWebSocketDemultiplexer: Sendable {
    /// A piece of a message, its number taken off.
    public struct Piece: Equatable, Sendable {
        public var stream: GRPCWebSocketStreamID
        public var bytes: ByteBuffer
        /// No piece of this message came before.
        public var beginsMessage: Bool
        public var endsMessage: Bool

        public init(stream: GRPCWebSocketStreamID, bytes: ByteBuffer, beginsMessage: Bool, endsMessage: Bool) {
            self.stream = stream
            self.bytes = bytes
            self.beginsMessage = beginsMessage
            self.endsMessage = endsMessage
        }
    }

    /// A message with fewer bytes than a number has: the connection makes no sense any more.
    public static let shortMessage = WebSocketViolation(
        closeCode: .protocolError, reason: "a message is shorter than the number of its stream")

    private var number: UInt32 = 0
    private var numberBytes = 0
    private var hasBegun = false

    public init() {}

    /// - Returns: the piece, or nil while the number is not whole, or nothing stands behind it yet.
    /// - Throws: ``shortMessage``.
    public mutating func read(_ bytes: ByteBuffer, endsMessage: Bool) throws(WebSocketViolation) -> Piece? {
        var bytes = bytes
        while numberBytes < GRPCWebSocketStreamID.length, let byte: UInt8 = bytes.readInteger() {
            number = number << 8 | UInt32(byte)
            numberBytes += 1
        }
        guard numberBytes == GRPCWebSocketStreamID.length else {
            if endsMessage { throw Self.shortMessage }
            return nil
        }
        guard bytes.readableBytes > 0 || endsMessage else { return nil }
        let piece = Piece(
            stream: GRPCWebSocketStreamID(wire: number), bytes: bytes, beginsMessage: !hasBegun,
            endsMessage: endsMessage)
        hasBegun = !endsMessage
        if endsMessage { (number, numberBytes) = (0, 0) }
        return piece
    }
}
