// rtbridge: a request's body, kept for the case that it has to be said again.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// What the client has sent so far, up to a bound (gRPC A6, "Memory Management": `per_rpc_buffer_limit_in_bytes`).
struct KeptRequest {
    /// gRPC's own default is 256 KiB (`GRPC_ARG_PER_RPC_RETRY_BUFFER_SIZE`).
    static let defaultMaximum = 256 * 1024

    private(set) var pieces: [ByteBuffer] = []
    private(set) var count = 0
    var hasEnded = false
    let maximum: Int

    init(maximum: Int = defaultMaximum) { self.maximum = maximum }

    /// - Returns: false if the request is too long now; nothing of it is kept then.
    mutating func append(_ bytes: ByteBuffer) -> Bool {
        count += bytes.readableBytes
        guard count <= maximum else {
            drop()
            return false
        }
        // A stream of small messages makes few pieces.
        if let last = pieces.indices.last, pieces[last].readableBytes + bytes.readableBytes <= 4096 {
            pieces[last].writeImmutableBuffer(bytes)
        } else {
            pieces.append(bytes)
        }
        return true
    }

    mutating func drop() { pieces = [] }
}
