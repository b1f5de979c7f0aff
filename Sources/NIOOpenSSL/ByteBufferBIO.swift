// rtbridge: OpenSSL's transport, made of two ByteBuffers.
// SPDX-License-Identifier: Apache-2.0
import COpenSSL
import NIOCore

/// What OpenSSL takes for its socket: it reads records from ``inbound`` and appends records to ``outbound``.
///
/// Neither end ever blocks the other: a read from an empty ``inbound`` asks to be tried again, a write always succeeds.
final class ByteBufferBIO {
    /// Ciphertext from the network that OpenSSL has not taken yet.
    private var inbound: ByteBuffer?
    /// Ciphertext for the network.
    private(set) var outbound = ByteBuffer()
    /// While true, reads find nothing: the way to stop OpenSSL in the middle of a long ``inbound``.
    var isInboundHeld = false
    /// What OpenSSL has not taken yet of the record that it reads.
    private var recordRest = 0
    /// Bytes that OpenSSL took since ``markInbound()``.
    private(set) var bytesTaken = 0

    /// An outbound buffer up to this size is used again once the channel has let go of it; an idle connection keeps no
    /// more than this.
    private static let keptCapacity = 1024

    init() {}

    // MARK: The handler's end

    /// Adds ciphertext from the network, without a copy in the usual case that the earlier is used up.
    func receive(_ bytes: consuming ByteBuffer) {
        if inboundBytes == 0 {
            inbound = bytes
        } else {
            inbound?.writeImmutableBuffer(bytes)
        }
    }

    /// What OpenSSL has not taken yet.
    var inboundBytes: Int { inbound?.readableBytes ?? 0 }

    /// Lets go of the network's buffer when OpenSSL has taken all of it, so that its pool may use it again.
    func releaseInbound() {
        if inboundBytes == 0 { inbound = nil }
    }

    /// Begins to count ``bytesTaken`` anew.
    func markInbound() { bytesTaken = 0 }

    /// Makes room in an empty ``outbound``, so that `bytes` are appended without growing it step by step.
    func reserveOutbound(_ bytes: Int) { outbound.clear(minimumCapacity: bytes) }

    /// Hands ``outbound`` over, nil when there is nothing in it.
    func takeOutbound() -> ByteBuffer? {
        guard outbound.readableBytes > 0 else { return nil }
        let taken = outbound
        if taken.capacity <= Self.keptCapacity {
            // Read to its end but still the same storage: `clear` uses it again when no one else holds it.
            outbound.moveReaderIndex(to: outbound.writerIndex)
        } else {
            outbound = ByteBuffer()
        }
        return taken
    }

    // MARK: OpenSSL's end

    /// RFC 8446 §5.1: type 1, version 2, length 2.
    private static let recordHeaderBytes = 5

    /// Copies up to `length` bytes of ``inbound`` to `destination`; 0 is "try again".
    ///
    /// OpenSSL asks for as much as it has room for (SSL_set_read_ahead(3)): a record's header and body come with one call.
    /// It gets one record at the most, so that nothing that it has taken escapes ``isInboundHeld``.
    fileprivate func read(into destination: UnsafeMutableRawPointer, _ length: Int) -> Int {
        guard !isInboundHeld, inbound != nil else { return 0 }
        let count = inbound!.readWithUnsafeReadableBytes { bytes in
            if recordRest == 0 {
                guard bytes.count >= Self.recordHeaderBytes else { return 0 }
                recordRest = Self.recordHeaderBytes + (Int(bytes[3]) << 8 | Int(bytes[4]))
            }
            let count = min(length, bytes.count, recordRest)
            if count > 0 { destination.copyMemory(from: bytes.baseAddress!, byteCount: count) }
            return count
        }
        recordRest -= count
        bytesTaken += count
        return count
    }

    fileprivate func write(_ source: UnsafeRawPointer, _ length: Int) {
        if outbound.readableBytes == 0, outbound.writerIndex > 0 { outbound.clear(minimumCapacity: length) }
        outbound.writeBytes(UnsafeRawBufferPointer(start: source, count: length))
    }
}

extension ByteBufferBIO {
    /// A new `BIO *` that works on this object, which must outlive it.
    func makeBIO() -> OpaquePointer? {
        guard let bio = BIO_new(Self.method.pointer) else { return nil }
        BIO_set_data(bio, Unmanaged.passUnretained(self).toOpaque())
        BIO_set_init(bio, 1)
        return bio
    }

    /// Safety: the method table is filled in once, by the initialiser of a global, and only read from then on.
    private struct Method: @unchecked Sendable {
        let pointer: OpaquePointer?
    }

    private static let method: Method = {
        let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "ByteBuffer")
        BIO_meth_set_read_ex(method) { bio, destination, length, taken in
            COpenSSL_BIO_clear_retry_flags(bio)
            guard let end = ByteBufferBIO.of(bio), let destination, let taken else { return 0 }
            taken.pointee = end._withUnsafeGuaranteedRef { $0.read(into: destination, length) }
            if taken.pointee > 0 { return 1 }
            COpenSSL_BIO_set_retry_read(bio)
            return 0
        }
        BIO_meth_set_write_ex(method) { bio, source, length, written in
            COpenSSL_BIO_clear_retry_flags(bio)
            guard let end = ByteBufferBIO.of(bio), let source, let written else { return 0 }
            end._withUnsafeGuaranteedRef { $0.write(source, length) }
            written.pointee = length
            return 1
        }
        BIO_meth_set_ctrl(method) { _, command, _, _ in
            // Flushing has nothing to do and succeeds; no other command is known here (BIO_ctrl(3): 0).
            command == BIO_CTRL_FLUSH ? 1 : 0
        }
        return Method(pointer: method)
    }()

    private static func of(_ bio: OpaquePointer?) -> Unmanaged<ByteBufferBIO>? {
        BIO_get_data(bio).map { Unmanaged.fromOpaque($0) }
    }
}

@available(*, unavailable)
extension ByteBufferBIO: Sendable {}
