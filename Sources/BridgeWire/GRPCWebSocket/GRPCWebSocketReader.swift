// rtbridge: what a client says in one call over WebSocket.
// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// Takes the messages of one call apart (improbable-eng's WebSocket transport), in pieces as they arrive:
///
/// ```
/// block ──first message──▶ between ──00 …──▶ body ──message's end──▶ between
///                             └──01──▶ ending ──message's end──▶ ended
/// ```
/// What stands behind the `00` of the messages is one byte stream of gRPC frames: a frame may span messages, a message may
/// hold several, and a message may come in fragments. Nothing is kept but the header block, up to its limit.
public struct GRPCWebSocketReader: Sendable {
    public enum Event: Equatable, Sendable {
        /// The first message.
        case fields(FieldBlock)
        /// Bytes of gRPC frames.
        case body(ByteBuffer)
        /// The client's half-close.
        case end
    }

    private enum Phase { case block, between, body, ending, ended }

    /// The byte before gRPC frames, and the one that is a half-close (`websocketMessage` and `finishSendFrame` there).
    public static let dataMark: UInt8 = 0
    public static let endMark: UInt8 = 1

    private let maxHeaderBytes: Int
    private var phase = Phase.block
    private var block = ByteBuffer()

    public init(maxHeaderBytes: Int) { self.maxHeaderBytes = maxHeaderBytes }

    /// Whether the client has ended its side.
    public var hasEnded: Bool { phase == .ended }

    /// Takes the next piece of a message.
    ///
    /// - Throws: ``GRPCFrameError``: RESOURCE_EXHAUSTED at a header block above its limit, else INTERNAL. Nothing of the
    ///   piece is to be used then, and nothing more is to be read.
    public mutating func read(_ piece: ByteBuffer, endsMessage: Bool) throws(GRPCFrameError) -> Event? {
        switch phase {
        case .block: return try readBlock(piece, endsMessage)
        case .between: return try beginMessage(piece, endsMessage)
        case .body:
            if endsMessage { phase = .between }
            return piece.readableBytes > 0 ? .body(piece) : nil
        case .ending:
            guard piece.readableBytes == 0 else { throw .longEnd }
            return endsMessage ? finish() : nil
        case .ended: throw .afterEnd
        }
    }

    /// The client's half-close by other means than a message: the top bit of a stream's number, at a message's end.
    /// - Returns: nil if it has ended already.
    public mutating func endByFlag() -> Event? { phase == .ended ? nil : finish() }

    private mutating func readBlock(_ piece: ByteBuffer, _ endsMessage: Bool) throws(GRPCFrameError) -> Event? {
        guard block.readableBytes + piece.readableBytes <= maxHeaderBytes else {
            throw GRPCFrameError(
                .resourceExhausted, "the header block has more than \(maxHeaderBytes) bytes (limits.maxHeaderBytes)")
        }
        block.writeImmutableBuffer(piece)
        guard endsMessage else { return nil }
        let fields = try block.withUnsafeReadableBytes { (bytes) throws(GRPCFrameError) in
            try GRPCWebSocketHeaderBlock.parse(bytes)
        }
        block = ByteBuffer()
        phase = .between
        return .fields(fields)
    }

    private mutating func beginMessage(_ piece: ByteBuffer, _ endsMessage: Bool) throws(GRPCFrameError) -> Event? {
        var piece = piece
        guard let mark: UInt8 = piece.readInteger() else {
            // An empty fragment; the message's first byte is yet to come.
            guard endsMessage else { return nil }
            throw GRPCFrameError(.internal, "an empty message")
        }
        switch mark {
        case Self.dataMark:
            if !endsMessage { phase = .body }
            return piece.readableBytes > 0 ? .body(piece) : nil
        case Self.endMark:
            guard piece.readableBytes == 0 else { throw .longEnd }
            guard endsMessage else {
                phase = .ending
                return nil
            }
            return finish()
        default: throw GRPCFrameError(.internal, "a message begins with \(mark), which is neither 0 nor 1")
        }
    }

    private mutating func finish() -> Event {
        phase = .ended
        return .end
    }
}

extension GRPCFrameError {
    fileprivate static let longEnd = GRPCFrameError(.internal, "bytes behind the 1 that ends the request")
    fileprivate static let afterEnd = GRPCFrameError(.internal, "a message behind the end of the request")
}
