// rtbridge: memory that streams use one after the other.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Buffers for what small streams have to send, shared by the sessions of one event loop: a call with a short message costs no
/// allocation.
public final class HTTP2Buffers {
    /// Larger ones are not kept.
    static let maximumCapacity = 4 * 1024
    private static let maximumCount = 256

    private var spare: [ByteBuffer] = []
    /// What connections gather their output in, one after the other.
    private var spareOutput: ByteBuffer?

    public init() {}

    /// An empty buffer. Where a channel still holds the last one's memory, writing to it takes new memory.
    func takeOutput() -> ByteBuffer {
        guard var buffer = spareOutput.take() else { return ByteBuffer() }
        buffer.clear()
        return buffer
    }

    func giveBackOutput(_ buffer: consuming ByteBuffer) { spareOutput = buffer }

    /// An empty buffer, which nobody else holds.
    /// - Parameter capacity: what a new one has room for, in bytes.
    func take(_ capacity: Int) -> ByteBuffer { spare.popLast() ?? ByteBufferAllocator().buffer(capacity: capacity) }

    func giveBack(_ buffer: consuming ByteBuffer) {
        guard buffer.capacity <= Self.maximumCapacity, spare.count < Self.maximumCount else { return }
        buffer.clear()
        spare.append(buffer)
    }
}

@available(*, unavailable)
extension HTTP2Buffers: Sendable {}
