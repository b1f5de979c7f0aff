// rtbridge: what a gRPC call says again that nobody has seen.
// SPDX-License-Identifier: Apache-2.0

import BridgePolicy
import HTTP2Session
import NIOCore

/// The request of a call that begins anew without a policy, until there is a stream for it.
final class GRPCRepetition {
    private var transparent = TransparentRetries()
    private var request = ByteBuffer()

    /// - Parameter written: all of the request so far.
    /// - Returns: false if it was tried often enough.
    func begin(_ written: ByteBuffer, _ reason: TransparentRetries.Reason) -> Bool {
        request = written
        return transparent.take(reason)
    }

    /// More of the request, while there is no stream.
    func append(_ bytes: ByteBuffer) { request.writeImmutableBuffer(bytes) }

    func say(on stream: HTTP2Stream) {
        stream.write(request)
        request = ByteBuffer()
    }
}

@available(*, unavailable)
extension GRPCRepetition: Sendable {}
