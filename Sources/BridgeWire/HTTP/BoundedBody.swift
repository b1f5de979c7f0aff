// rtbridge: the body of an answer, as far as it is short.
// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// Collects a body up to a limit; one that is longer is left out as a whole, since half of it would be of no use.
struct BoundedBody {
    enum OnBytes: Equatable { case needsMore, whole, isTooLong, isBroken }

    private let limit: Int
    private var framing: HTTPAnswerHead.Body
    private var chunks = ChunkedDecoder()
    private(set) var bytes = ByteBuffer()

    init(_ framing: HTTPAnswerHead.Body, limit: Int) {
        self.framing = framing
        self.limit = limit
    }

    mutating func receive(_ piece: inout ByteBuffer) -> OnBytes {
        switch framing {
        case .none: return .whole
        case .untilClose: bytes.writeBuffer(&piece)
        case .length(let length):
            guard length <= limit else { return .isTooLong }
            guard var taken = piece.readSlice(length: min(length - bytes.readableBytes, piece.readableBytes)) else {
                return .isBroken
            }
            bytes.writeBuffer(&taken)
            if bytes.readableBytes == length { return .whole }
        case .chunked:
            guard chunks.decode(&piece, into: &bytes) else { return .isBroken }
            if chunks.isOver { return bytes.readableBytes <= limit ? .whole : .isTooLong }
        }
        return bytes.readableBytes <= limit ? .needsMore : .isTooLong
    }

    /// The connection ended.
    func ended() -> OnBytes {
        switch framing {
        case .none, .untilClose: .whole
        case .length, .chunked: .isBroken
        }
    }
}
