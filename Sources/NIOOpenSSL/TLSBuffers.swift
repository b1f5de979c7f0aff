// rtbridge: memory that TLS connections use one after the other.
// SPDX-License-Identifier: Apache-2.0
import COpenSSL
import NIOCore

/// Buffers for short plaintext, shared by the connections of one event loop: a small message costs no allocation as long
/// as whoever gets it does not keep it.
public final class TLSBuffers {
    /// The longest plaintext in one of them, in bytes.
    static let maximumPlaintext = 2048
    /// So many messages that wait for the tick's end have one each.
    private static let maximumCount = 8

    private var spare: [ByteBuffer?] = Array(repeating: nil, count: maximumCount)
    private var next = 0

    public init() {}

    /// An empty buffer with room for ``maximumPlaintext`` bytes.
    func take() -> ByteBuffer {
        guard var buffer = spare[next].take() else {
            return ByteBufferAllocator().buffer(capacity: Self.maximumPlaintext)
        }
        // Where somebody still holds the memory this takes new.
        buffer.clear(minimumCapacity: Self.maximumPlaintext)
        return buffer
    }

    /// Takes back what ``take()`` gave, whoever else has it by now.
    func giveBack(_ buffer: consuming ByteBuffer) {
        spare[next] = buffer
        next = (next + 1) % Self.maximumCount
    }

    /// Has OpenSSL keep a few record buffers for each thread, instead of fetching one for each record. Holds for the whole
    /// process; to be called before anything else uses OpenSSL.
    /// - Returns: false where that has happened: then all is well but slower (OPENSSL_malloc(3)).
    @discardableResult
    public static func keepRecords() -> Bool { COpenSSL_keep_records() == 1 }
}

@available(*, unavailable)
extension TLSBuffers: Sendable {}
