// rtbridge: reading a PROXY header, bounded and without guessing.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

extension ProxyHeader {
    /// proxy-protocol.txt §2.1: "a 108-byte buffer is always enough to store all the line and a trailing zero".
    static let maximumLine = 107
    /// Of version 2, TLVs included. §2.2 allows 65551, which nobody needs before he is known.
    static let maximumBinary = 4096
    /// §2.2: "\x0D\x0A\x0D\x0A\x00\x0D\x0A\x51\x55\x49\x54\x0A".
    static let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]
    static let word = Array("PROXY ".utf8)

    /// Whether what came may be a header.
    public enum Beginning: Equatable, Sendable { case header, undecided, other }

    /// Looks at the first bytes of a connection.
    public static func beginning(of buffer: ByteBuffer) -> Beginning {
        let view = buffer.readableBytesView
        for start in [word, signature] {
            let count = min(start.count, view.count)
            if view.prefix(count).elementsEqual(start.prefix(count)) {
                return count == start.count ? .header : .undecided
            }
        }
        return .other
    }

    /// Takes a header off the front of `buffer`.
    /// - Returns: nil if more bytes are needed; nothing was taken then.
    public static func read(_ buffer: inout ByteBuffer) throws(ProxyProtocolViolation) -> ProxyHeader? {
        switch beginning(of: buffer) {
        case .other: throw .noHeader
        case .undecided: return nil
        case .header: break
        }
        if buffer.getInteger(at: buffer.readerIndex, as: UInt8.self) == signature[0] { return try readBinary(&buffer) }
        return try readLine(&buffer)
    }

    // MARK: Version 1

    private static func readLine(_ buffer: inout ByteBuffer) throws(ProxyProtocolViolation) -> ProxyHeader? {
        let view = buffer.readableBytesView.prefix(maximumLine)
        guard let end = view.firstIndex(of: UInt8(ascii: "\n")) else {
            guard view.count < maximumLine else { throw .lineTooLong }
            return nil
        }
        let line = view[..<end]
        guard line.last == UInt8(ascii: "\r") else { throw .badLine }
        let header = try parse(Array(line.dropFirst(word.count).dropLast()))
        buffer.moveReaderIndex(to: end + 1)
        return header
    }

    /// §2.1: "a single space" between the fields.
    private static func parse(_ line: [UInt8]) throws(ProxyProtocolViolation) -> ProxyHeader {
        let fields = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        // "the receiver must ignore anything presented before the CRLF is found".
        if fields.first == "UNKNOWN" { return ProxyHeader(nil) }
        guard fields.count == 5 else { throw .badLine }
        let source = try endpoint(fields[1], fields[3], family: fields[0])
        let destination = try endpoint(fields[2], fields[4], family: fields[0])
        return ProxyHeader(Addresses(source: source, destination: destination))
    }

    private static func endpoint(
        _ text: String, _ port: String, family: String
    ) throws(ProxyProtocolViolation) -> SocketAddress {
        let digits = port.utf8
        guard 1...5 ~= digits.count, digits.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }),
            digits.first != UInt8(ascii: "0") || digits.count == 1, let port = UInt16(port)
        else { throw .badLine }
        // inet_pton takes nothing but the canonical forms; a zone is the kernel's and not the wire's.
        guard !text.utf8.contains(UInt8(ascii: "%")), !text.utf8.contains(0),
            let address = try? SocketAddress(ipAddress: text, port: Int(port))
        else { throw .badLine }
        switch (family, address) {
        case ("TCP4", .v4), ("TCP6", .v6): return address
        case (_, .v4), (_, .v6), (_, .unixDomainSocket): throw .badLine
        }
    }

    // MARK: Version 2

    private static func readBinary(_ buffer: inout ByteBuffer) throws(ProxyProtocolViolation) -> ProxyHeader? {
        let start = buffer.readerIndex + signature.count
        guard let command = buffer.getInteger(at: start, as: UInt8.self),
            let family = buffer.getInteger(at: start + 1, as: UInt8.self),
            let length = buffer.getInteger(at: start + 2, as: UInt16.self).map(Int.init)
        else { return nil }
        // §2.2: "The highest four bits contains the version", which "must always be sent as \x2".
        guard command == 0x20 || command == 0x21 else { throw .badVersion }
        let needed = try addressBytes(family)
        let whole = signature.count + 4 + length
        guard whole <= maximumBinary else { throw .tooLong }
        let isLocal = command == 0x20
        guard isLocal || length >= needed else { throw .tooShort }
        guard buffer.readableBytes >= whole else { return nil }
        let addresses = isLocal ? nil : addresses(buffer, at: start + 4, family)
        buffer.moveReaderIndex(forwardBy: whole)
        return ProxyHeader(addresses)
    }

    /// §2.2: other values "must be rejected as invalid by receivers".
    private static func addressBytes(_ family: UInt8) throws(ProxyProtocolViolation) -> Int {
        guard family & 0x0F <= 2 else { throw .badFamily }
        switch family >> 4 {
        case 0: return 0
        case 1: return 12
        case 2: return 36
        case 3: return 216
        case let other:
            precondition(other > 3, "four families are known")
            throw .badFamily
        }
    }

    /// Of IPv4 and IPv6; TLVs behind them are skipped. Of other families the receiver uses the connection's own.
    private static func addresses(_ buffer: ByteBuffer, at index: Int, _ family: UInt8) -> Addresses? {
        let size = family >> 4 == 1 ? 4 : 16
        guard 1...2 ~= family >> 4, let from = buffer.getSlice(at: index, length: size),
            let to = buffer.getSlice(at: index + size, length: size),
            let fromPort = buffer.getInteger(at: index + 2 * size, as: UInt16.self),
            let toPort = buffer.getInteger(at: index + 2 * size + 2, as: UInt16.self),
            let source = try? SocketAddress(packedIPAddress: from, port: Int(fromPort)),
            let destination = try? SocketAddress(packedIPAddress: to, port: Int(toPort))
        else { return nil }
        return Addresses(source: source, destination: destination)
    }
}
