// rtbridge: writing a PROXY header.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

extension ProxyHeader {
    /// The header's bytes: at most 107 in version 1, 52 in version 2.
    ///
    /// Without addresses version 1 says UNKNOWN. Version 2 says LOCAL for a connection of our own, "without being
    /// relayed", and else UNSPEC (proxy-protocol.txt §2.2).
    /// - Parameter isLocal: nobody stands behind the connection: a health check.
    public func bytes(_ version: Version, isLocal: Bool = false) -> ByteBuffer {
        switch version {
        case .v1: ByteBuffer(string: line)
        case .v2: binary(isLocal)
        }
    }

    private var line: String {
        guard let addresses, let from = addresses.source.ipAddress, let to = addresses.destination.ipAddress else {
            return "PROXY UNKNOWN\r\n"
        }
        let family = addresses.source.protocol == .inet ? "TCP4" : "TCP6"
        return "PROXY \(family) \(from) \(to) \(addresses.source.port ?? 0) \(addresses.destination.port ?? 0)\r\n"
    }

    private func binary(_ isLocal: Bool) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeBytes(Self.signature)
        buffer.writeInteger(UInt8(isLocal ? 0x20 : 0x21))
        guard !isLocal, let addresses, let from = Addresses.bytes(addresses.source),
            let to = Addresses.bytes(addresses.destination)
        else {
            buffer.writeInteger(UInt8(0))
            buffer.writeInteger(UInt16(0))
            return buffer
        }
        // Family and transport: AF_INET or AF_INET6, STREAM.
        buffer.writeInteger(UInt8(from.count == 4 ? 0x11 : 0x21))
        buffer.writeInteger(UInt16(2 * from.count + 4))
        buffer.writeBytes(from)
        buffer.writeBytes(to)
        buffer.writeInteger(UInt16(clamping: addresses.source.port ?? 0))
        buffer.writeInteger(UInt16(clamping: addresses.destination.port ?? 0))
        return buffer
    }
}
