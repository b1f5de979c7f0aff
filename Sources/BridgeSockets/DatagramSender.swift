// rtbridge: datagrams out of a socket that many peers send to.
// SPDX-License-Identifier: Apache-2.0

import Glibc
import NIOCore

/// Sends on a datagram channel's own socket, past its queue: the channel closes itself where sendmsg(2) fails, and with
/// an unconnected socket that is one peer's doing (a source port of 0, a network that nobody knows) and not the end of
/// all others. Belongs to the channel's event loop.
public final class DatagramSender {
    public enum OnSend: Equatable {
        case sent
        /// The socket has no room now.
        case full
        /// The errno of sendmsg(2); the next datagram may go all the same.
        case failed(CInt)
    }

    private static let flags = CInt(Int(MSG_NOSIGNAL) | Int(MSG_DONTWAIT))

    private let channel: any Channel
    private let descriptor: CInt

    /// - Returns: nil where there is no socket.
    public init?(_ channel: any Channel) {
        let handle = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: CInt.self) { $0 }
        guard let handle else { return nil }
        self.channel = channel
        descriptor = handle
    }

    /// - Parameter source: the own address that the datagram is to come from; nil lets the system choose.
    public func send(_ bytes: ByteBuffer, to peer: SocketAddress, from source: SocketAddress?) -> OnSend {
        // A closed channel's descriptor may be another's by now.
        guard channel.isActive else { return .failed(EBADF) }
        return bytes.withUnsafeReadableBytes { bytes in
            peer.withSockAddr { address, length in
                var vector = iovec(
                    iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count)
                return withUnsafeMutablePointer(to: &vector) { vector in
                    var message = msghdr()
                    message.msg_name = UnsafeMutableRawPointer(mutating: address)
                    message.msg_namelen = socklen_t(length)
                    message.msg_iov = vector
                    message.msg_iovlen = 1
                    guard let source else { return send(&message) }
                    return DatagramSource.add(source, interface: peer.scope, to: &message, then: send)
                }
            }
        }
    }

    private func send(_ message: inout msghdr) -> OnSend {
        while true {
            if sendmsg(descriptor, &message, Self.flags) >= 0 { return .sent }
            switch errno {
            case EINTR: continue
            case EAGAIN, ENOBUFS: return .full
            case let code: return .failed(code)
            }
        }
    }
}

extension SocketAddress {
    /// The interface that a link-local IPv6 address belongs to (RFC 4007 §6); 0 for every other.
    fileprivate var scope: UInt32 {
        switch self {
        case .v6(let address): address.address.sin6_scope_id
        case .v4, .unixDomainSocket: 0
        }
    }
}

@available(*, unavailable)
extension DatagramSender: Sendable {}
