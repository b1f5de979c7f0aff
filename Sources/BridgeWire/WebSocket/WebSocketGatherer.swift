// rtbridge: pieces of one message that came together, put together.
// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// What one read brought of a message goes on as one piece, however many fragments it came in: endpoints bound how many
/// they take. RFC 6455 §5.4 lets an intermediary "change the fragmentation of a message" where it knows its extensions.
///
/// For the same reason a message that has become many pieces goes on in larger ones: a frame that comes by a few bytes at a
/// time would be more fragments than a server takes that would have taken the frame.
///
/// A piece that is alone is not copied.
public struct WebSocketGatherer {
    /// What is put together has about so many bytes at most.
    private static let most = 64 * 1024
    /// So many pieces of a message go on as they come. The bounds that are met are 1,024 fragments and above.
    private static let free = 256
    /// Those behind them have so many bytes at least, unless a frame ends.
    private static let least = 16 * 1024

    private var held: ByteBuffer?
    /// How many pieces of the message went on.
    private var pieces = 0

    public init() {}

    public var isHolding: Bool { held != nil }

    /// Takes the next piece.
    /// - Returns: what is to go on now, with `piece` at its end; `nil` if more may still come.
    public mutating func add(_ piece: ByteBuffer, endsMessage: Bool) -> ByteBuffer? {
        var all = piece
        if var beginning = held {
            held = nil  // One owner: nothing is copied but the piece.
            beginning.writeImmutableBuffer(piece)
            all = beginning
        }
        if endsMessage {
            pieces = 0
        } else if all.readableBytes < Self.most {
            held = all
            return nil
        } else {
            pieces += 1
        }
        return all
    }

    /// At the end of a read.
    /// - Parameter isInsideFrame: whether the rest of a frame has been announced, so that it will come.
    /// - Returns: what waits for more, which did not come with it; `nil` if there is nothing, or too little to go on yet.
    public mutating func takeHeld(isInsideFrame: Bool) -> ByteBuffer? {
        guard let all = held else { return nil }
        guard pieces < Self.free || !isInsideFrame || all.readableBytes >= Self.least else { return nil }
        held = nil
        pieces += 1
        return all
    }
}
