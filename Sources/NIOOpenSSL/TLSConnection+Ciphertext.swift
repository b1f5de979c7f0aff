// rtbridge: a TLS connection's end towards the network.
// SPDX-License-Identifier: Apache-2.0
import NIOCore

extension TLSConnection {
    func receive(_ ciphertext: consuming ByteBuffer) { bio.receive(ciphertext) }

    /// Lets go of the network's buffer if it is used up.
    func releaseInbound() { bio.releaseInbound() }

    /// Whether there is something to send.
    var hasOutbound: Bool { bio.outbound.readableBytes > 0 }

    /// What there is to send.
    func takeOutbound() -> ByteBuffer? { bio.takeOutbound() }

    /// How much plaintext, in full records, may be sealed before ``takeOutbound()`` is due.
    var outboundRoom: Int {
        let room = max(0, Self.maximumOutbound - bio.outbound.readableBytes)
        return room / (Self.maximumRecordPlaintext + Self.recordOverhead) * Self.maximumRecordPlaintext
    }

    /// Makes room for the records of `plaintext` bytes, as far as ``outboundRoom`` goes.
    func reserveOutbound(plaintext: Int) {
        guard bio.outbound.readableBytes == 0 else { return }
        let bytes = min(plaintext, outboundRoom)
        bio.reserveOutbound(bytes + (bytes / Self.maximumRecordPlaintext + 1) * Self.recordOverhead)
    }
}
