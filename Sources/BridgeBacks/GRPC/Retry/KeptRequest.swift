// rtbridge: a request's body, kept for the case that it has to be said again.
// SPDX-License-Identifier: Apache-2.0

import BridgePolicy
import NIOCore

/// What the client has sent so far, up to a bound (gRPC A6, "Memory Management": `per_rpc_buffer_limit_in_bytes`), and
/// up to what all calls of a worker may keep together (the same: `retry_buffer_size`).
struct KeptRequest {
    /// gRPC's own default is 256 KiB (`GRPC_ARG_PER_RPC_RETRY_BUFFER_SIZE`).
    static let defaultMaximum = 256 * 1024
    /// Small pieces are put together up to this.
    private static let copiedTogether = 4096

    private(set) var pieces: [ByteBuffer] = []
    private(set) var count = 0
    var hasEnded = false
    let maximum: Int
    private let budget: ByteBudget
    private var isDropped = false

    init(maximum: Int = defaultMaximum, budget: ByteBudget) {
        self.maximum = maximum
        self.budget = budget
    }

    /// - Returns: false if the request is too long now, or too much is kept already; nothing of it is kept then.
    mutating func append(_ bytes: ByteBuffer) -> Bool {
        guard !isDropped else { return false }
        guard count + bytes.readableBytes <= maximum, budget.take(bytes.readableBytes) else {
            drop()
            return false
        }
        put(bytes)
        return true
    }

    /// Keeps more than the bounds allow, because nobody is there yet to whom it could be said: a client may send as much
    /// as its window lets it before it is stopped.
    mutating func appendBeyond(_ bytes: ByteBuffer) {
        guard !isDropped else { return }
        budget.change(by: bytes.readableBytes)
        put(bytes)
    }

    /// More is kept than may be once there is somebody to say it to.
    var isBeyond: Bool { count > maximum || budget.used > budget.limit }

    private mutating func put(_ bytes: ByteBuffer) {
        count += bytes.readableBytes
        // A stream of small messages makes few pieces.
        if let last = pieces.indices.last, pieces[last].readableBytes + bytes.readableBytes <= Self.copiedTogether {
            pieces[last].writeImmutableBuffer(bytes)
        } else if bytes.storageCapacity > 2 * bytes.readableBytes {
            // Part of what was read at once: all of that would be kept with it.
            var copy = ByteBufferAllocator().buffer(capacity: bytes.readableBytes)
            copy.writeImmutableBuffer(bytes)
            pieces.append(copy)
        } else {
            pieces.append(bytes)
        }
    }

    mutating func drop() {
        guard !isDropped else { return }
        isDropped = true
        pieces = []
        budget.give(count)
        count = 0
    }
}
