// rtbridge: pieces of one message that came together, put together.
// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// What one read brought of a message goes on as one piece, however many fragments it came in: endpoints bound how many
/// they take. RFC 6455 §5.4 lets an intermediary "change the fragmentation of a message" where it knows its extensions.
///
/// A piece that is alone is not copied.
public struct WebSocketGatherer {
    /// What is put together has about so many bytes at most.
    private static let most = 64 * 1024

    private var held: ByteBuffer?

    public init() {}

    /// Takes the next piece.
    /// - Returns: what is to go on now, with `piece` at its end; `nil` if more may still come.
    public mutating func add(_ piece: ByteBuffer, endsMessage: Bool) -> ByteBuffer? {
        guard var all = held else {
            guard !endsMessage, piece.readableBytes < Self.most else { return piece }
            held = piece
            return nil
        }
        held = nil
        all.writeImmutableBuffer(piece)
        guard !endsMessage, all.readableBytes < Self.most else { return all }
        held = all
        return nil
    }

    /// What waits for more, which did not come with it.
    public mutating func takeHeld() -> ByteBuffer? {
        defer { held = nil }
        return held
    }
}
