// rtbridge: whether a request whose connection was lost is sent once more.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import NIOCore

/// A connection that waited for its next request may be closed by the back-end while the request is on its way. Such a
/// request is sent once more, on a fresh connection, where that can do no harm.
struct HTTPRepetition {
    /// Longer bodies are not kept, and so not sent again.
    static let maximumKept = 64 * 1024
    /// A piece of at least this is kept in the memory that it came in; a smaller one would keep far more than itself.
    private static let minimumShared = 4 * 1024

    enum OnLost: Equatable { case sendAgain, fail }

    let isIdempotent: Bool
    /// What was sent of the body, as long as it is kept.
    private(set) var kept = ByteBuffer()
    private var isWhole = true
    private(set) var isSecond = false

    init(request: FieldBlock) { isIdempotent = request.withFirst(":method", Self.isIdempotent) ?? false }

    /// RFC 9110 §9.2.2: "PUT, DELETE, and safe request methods are idempotent"; §9.2.1: the safe ones.
    private static func isIdempotent(_ method: UnsafeRawBufferPointer) -> Bool { idempotent.contains(method) }

    private static let idempotent: FieldNames = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"]

    mutating func append(_ bytes: ByteBuffer) {
        guard isWhole else { return }
        guard kept.readableBytes + bytes.readableBytes <= Self.maximumKept else { return stopKeeping() }
        if kept.readableBytes == 0, bytes.readableBytes >= Self.minimumShared {
            kept = bytes
        } else {
            kept.writeImmutableBuffer(bytes)
        }
    }

    /// The connection is a fresh one: if it is lost, so is the request.
    mutating func stopKeeping() {
        isWhole = false
        kept = ByteBuffer()
    }

    /// - Parameter wasReused: the connection had served another request before.
    /// - Parameter wasSentWhole: the request was written to its end. RFC 9110 §9.2.2: a request with a method that is
    ///   not idempotent is repeated only by who has "some means to detect that the original request was never applied".
    mutating func lost(wasReused: Bool, wasSentWhole: Bool) -> OnLost {
        guard wasReused, isWhole, !isSecond, isIdempotent || !wasSentWhole else { return .fail }
        isSecond = true
        return .sendAgain
    }
}
