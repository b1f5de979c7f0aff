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

    /// So many connections keep OpenSSL's record buffers, some 34 KiB each, from one record to the next. All others give
    /// them back after each record, which costs as much as opening a short one.
    static let maximumBusy = 16
    /// Those connections. Who has read nothing while the others went round once makes room.
    private var busy: [TLSConnection?] = Array(repeating: nil, count: maximumBusy)
    private var hand = 0

    public init() {}

    /// Notes that `connection` has read.
    @inline(__always)
    func noteRead(of connection: TLSConnection) {
        connection.hasReadOfLate = true
        if !connection.keepsBuffers { offerPlace(to: connection) }
    }

    /// One look a read: with more connections than places those that have one keep it while they read.
    private func offerPlace(to connection: TLSConnection) {
        defer { hand = (hand + 1) % Self.maximumBusy }
        if let other = busy[hand] {
            if other.hasReadOfLate {
                other.hasReadOfLate = false
                return
            }
            other.keepsBuffers = false
        }
        busy[hand] = connection
        connection.keepsBuffers = true
    }

    /// Lets go of a connection that has ended.
    func forget(_ connection: TLSConnection) {
        guard connection.keepsBuffers, let place = busy.firstIndex(where: { $0 === connection }) else { return }
        busy[place] = nil
    }

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
