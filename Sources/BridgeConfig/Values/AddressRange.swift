// rtbridge: ranges of IP addresses: "10.0.0.0/8".
// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// All addresses that begin with the same bits (RFC 4632 §3.1, RFC 4291 §2.3).
public struct AddressRange: Sendable, Hashable, CustomStringConvertible {
    /// As it was written.
    public let description: String
    /// 4 or 16.
    private let bytes: [UInt8]
    private let prefix: Int

    static func parse(_ text: String) throws(Fault) -> AddressRange {
        let example = #"Write for example "10.0.0.0/8", "192.0.2.1" or "2001:db8::/32"."#
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard 1...2 ~= parts.count, let bytes = bytes(of: String(parts[0])) else {
            throw Fault("is no IP address or range of them", hint: example)
        }
        var prefix = bytes.count * 8
        if parts.count == 2 {
            let digits = parts[1]
            guard 1...3 ~= digits.utf8.count, digits.utf8.allSatisfy(Ascii.isDigit), let number = Int(digits),
                number <= prefix
            else { throw Fault("has a prefix outside 0...\(prefix)", hint: example) }
            prefix = number
        }
        let range = AddressRange(description: text.lowercased(), bytes: bytes, prefix: prefix)
        guard range.masked(bytes) == bytes else {
            throw Fault("has bits behind its prefix", hint: "Write the first address of the range.")
        }
        return range
    }

    /// - Parameter address: in text; an IPv4 address may be mapped into IPv6 (RFC 4291 §2.5.5.2).
    public func contains(_ address: String) -> Bool {
        guard let other = Self.bytes(of: address) else { return false }
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
        let plain = other.count == 16 && other.starts(with: mapped) && bytes.count == 4 ? Array(other[12...]) : other
        return plain.count == bytes.count && masked(plain) == bytes
    }

    private func masked(_ address: [UInt8]) -> [UInt8] {
        address.enumerated().map { index, byte in
            let kept = min(8, max(0, prefix - index * 8))
            return kept == 0 ? 0 : byte & UInt8(truncatingIfNeeded: 0xFF00 >> kept)
        }
    }

    private static func bytes(of text: String) -> [UInt8]? {
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 { return withUnsafeBytes(of: four) { Array($0) } }
        var six = in6_addr()
        if inet_pton(AF_INET6, text, &six) == 1 { return withUnsafeBytes(of: six) { Array($0) } }
        return nil
    }
}
