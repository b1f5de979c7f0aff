// rtbridge: all addresses of a name.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import Glibc
import NIOCore

/// The system's resolver. Blocks: not for an event loop.
enum NameResolver {
    /// - Returns: in the resolver's order (RFC 6724); empty if the name does not resolve.
    static func resolve(_ name: Address) -> [Address] {
        guard case .host(let host, let port) = name else { return [] }
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_ADDRCONFIG
        var first: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, nil, &hints, &first) == 0 else { return [] }
        defer { freeaddrinfo(first) }
        var addresses: [Address] = []
        var next = first
        while let info = next {
            next = info.pointee.ai_next
            var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            let length = socklen_t(text.count)
            guard getnameinfo(info.pointee.ai_addr, info.pointee.ai_addrlen, &text, length, nil, 0, NI_NUMERICHOST) == 0
            else { continue }
            let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            let address = Address.host(String(decoding: bytes, as: UTF8.self), port: port)
            if !addresses.contains(address) { addresses.append(address) }
        }
        return addresses
    }
}
