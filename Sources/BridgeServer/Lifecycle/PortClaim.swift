// rtbridge: whether an address is free for us alone.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

#if canImport(Glibc)
    import Glibc
#endif

/// Sockets with SO_REUSEPORT share a port with those of any other process of the same user, and with port 0 the kernel
/// may even choose one that is shared already (socket(7)). So a socket without that option asks first.
enum PortClaim {
    /// - Parameter type: TCP's ports are others than UDP's.
    /// - Returns: the address, with a port that is free where it had none.
    /// - Throws: `IOError` with the reason why it cannot be bound.
    static func check(_ address: SocketAddress, _ type: __socket_type) throws -> SocketAddress {
        let descriptor = socket(CInt(address.protocol.rawValue), CInt(type.rawValue), 0)
        guard descriptor >= 0 else { throw IOError(errnoCode: errno, reason: "socket") }
        defer { close(descriptor) }
        // For UDP the option says that a port may be shared (socket(7)).
        var reuses: CInt = type == SOCK_STREAM ? 1 : 0
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &reuses, socklen_t(MemoryLayout<CInt>.size))
        let result = address.withSockAddr { bind(descriptor, $0, socklen_t($1)) }
        guard result == 0 else { throw IOError(errnoCode: errno, reason: "bind") }
        return try localAddress(descriptor)
    }

    private static func localAddress(_ descriptor: CInt) throws -> SocketAddress {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return try withUnsafeMutablePointer(to: &storage) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { base in
                guard getsockname(descriptor, base, &length) == 0 else {
                    throw IOError(errnoCode: errno, reason: "getsockname")
                }
                switch CInt(base.pointee.sa_family) {
                case AF_INET:
                    return base.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { SocketAddress($0.pointee) }
                case AF_INET6:
                    return base.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { SocketAddress($0.pointee) }
                default: throw IOError(errnoCode: EAFNOSUPPORT, reason: "getsockname")
                }
            }
        }
    }
}
