// rtbridge: HAProxy's PROXY protocol: what its header says.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Who a connection is made for (proxy-protocol.txt, versions 1 and 2).
public struct ProxyHeader: Equatable, Sendable {
    /// The client's address and the one that it connected to; both are of one family.
    public struct Addresses: Equatable, Sendable {
        public var source: SocketAddress
        public var destination: SocketAddress

        /// An IPv4 address beside an IPv6 address is written as one of the latter (RFC 4291 §2.5.5.2).
        /// - Returns: nil where one of them is no IP address.
        public init?(source: SocketAddress, destination: SocketAddress) {
            guard let from = Self.bytes(source), let to = Self.bytes(destination) else { return nil }
            self.source = source
            self.destination = destination
            guard from.count != to.count else { return }
            self.source = Self.mapped(source, from)
            self.destination = Self.mapped(destination, to)
        }

        private static func mapped(_ address: SocketAddress, _ bytes: [UInt8]) -> SocketAddress {
            guard bytes.count == 4 else { return address }
            let all = [UInt8](repeating: 0, count: 10) + [0xFF, 0xFF] + bytes
            return (try? SocketAddress(packedIPAddress: ByteBuffer(bytes: all), port: address.port ?? 0)) ?? address
        }

        /// 4 or 16 bytes in network order.
        static func bytes(_ address: SocketAddress) -> [UInt8]? {
            switch address {
            case .v4(let address): return withUnsafeBytes(of: address.address.sin_addr) { Array($0) }
            case .v6(let address): return withUnsafeBytes(of: address.address.sin6_addr) { Array($0) }
            case .unixDomainSocket: return nil
            }
        }
    }

    public enum Version: Sendable { case v1, v2 }

    /// nil: the connection is the sender's own (LOCAL), or he cannot tell (UNKNOWN, UNSPEC, AF_UNIX); its own addresses
    /// are to be used.
    public var addresses: Addresses?

    public init(_ addresses: Addresses?) { self.addresses = addresses }
}

/// Why a header is none. The raw value is fit for logs.
public enum ProxyProtocolViolation: String, Error, Sendable {
    case noHeader = "the connection does not begin with a PROXY header"
    case lineTooLong = "the PROXY line is longer than 107 bytes"
    case badLine = "the PROXY line cannot be read"
    case badVersion = "the PROXY header has an unknown version or command"
    case badFamily = "the PROXY header has an unknown address family or transport"
    case tooShort = "the PROXY header is too short for its addresses"
    case tooLong = "the PROXY header is longer than 4 KiB"
}
