// rtbridge: which of its addresses a host sends a datagram from.
// SPDX-License-Identifier: Apache-2.0

import Glibc
import NIOCore

/// IP_PKTINFO of ip(7) and IPV6_PKTINFO of ipv6(7): a client takes an answer from the address alone that it sent to, and a
/// socket that listens on all addresses would send from the one that the route to the client has.
enum DatagramSource {
    /// CMSG_DATA, and the alignment of CMSG_SPACE (cmsg(3)).
    private static let headerBytes = MemoryLayout<cmsghdr>.stride
    private static let alignment = MemoryLayout<Int>.alignment
    private static let maximumSpace = 64

    /// Calls `then` with a message that has the control message, and leaves it without.
    static func add<Result>(
        _ source: SocketAddress, interface: UInt32, to message: inout msghdr, then: (inout msghdr) -> Result
    ) -> Result {
        withUnsafeTemporaryAllocation(byteCount: maximumSpace, alignment: MemoryLayout<cmsghdr>.alignment) { space in
            space.initializeMemory(as: UInt8.self, repeating: 0)
            message.msg_controllen = write(source, interface: interface, into: space)
            message.msg_control = message.msg_controllen > 0 ? space.baseAddress : nil
            defer {
                message.msg_control = nil
                message.msg_controllen = 0
            }
            return then(&message)
        }
    }

    /// - Returns: CMSG_SPACE of what was written; 0 where the address is none of the two families.
    static func write(_ source: SocketAddress, interface: UInt32, into space: UnsafeMutableRawBufferPointer) -> Int {
        switch source {
        case .v4(let address):
            // struct in_pktinfo: ipi_ifindex, ipi_spec_dst, ipi_addr; 4 bytes each.
            space.storeBytes(of: address.address.sin_addr, toByteOffset: headerBytes + 4, as: in_addr.self)
            return finish(space, level: CInt(IPPROTO_IP), type: IP_PKTINFO, dataBytes: 12)
        case .v6(let address):
            // struct in6_pktinfo: ipi6_addr, 16 bytes, and ipi6_ifindex, 4.
            space.storeBytes(of: address.address.sin6_addr, toByteOffset: headerBytes, as: in6_addr.self)
            space.storeBytes(of: interface, toByteOffset: headerBytes + 16, as: UInt32.self)
            return finish(space, level: CInt(IPPROTO_IPV6), type: IPV6_PKTINFO, dataBytes: 20)
        case .unixDomainSocket: return 0
        }
    }

    private static func finish(
        _ space: UnsafeMutableRawBufferPointer, level: CInt, type: CInt, dataBytes: Int
    ) -> Int {
        var header = cmsghdr()
        header.cmsg_len = headerBytes + dataBytes
        header.cmsg_level = level
        header.cmsg_type = type
        space.storeBytes(of: header, as: cmsghdr.self)
        return headerBytes + (dataBytes + alignment - 1) / alignment * alignment
    }
}
