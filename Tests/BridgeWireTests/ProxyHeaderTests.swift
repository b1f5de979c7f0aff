// rtbridge: PROXY headers of both versions (HAProxy's proxy-protocol.txt).
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Testing

@testable import BridgeWire

struct ProxyHeaderTests {
    private static let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10]

    private static func addresses(_ from: String, _ to: String) throws -> ProxyHeader.Addresses {
        let source = try SocketAddress(ipAddress: from, port: 56324)
        let destination = try SocketAddress(ipAddress: to, port: 443)
        return try #require(ProxyHeader.Addresses(source: source, destination: destination))
    }

    /// Reads the bytes whole and at every cut: nil until the last byte came, and nothing taken.
    private static func read(_ bytes: [UInt8]) throws -> ProxyHeader {
        for count in 0..<bytes.count {
            var part = ByteBuffer(bytes: bytes.prefix(count))
            #expect(try ProxyHeader.read(&part) == nil, "\(count) of \(bytes.count) bytes")
            #expect(part.readableBytes == count)
        }
        var whole = ByteBuffer(bytes: bytes + Array("GET".utf8))
        let header = try ProxyHeader.read(&whole)
        #expect(whole == ByteBuffer(string: "GET"))
        return try #require(header)
    }

    @Test(arguments: [
        ("PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n", "192.0.2.1", "198.51.100.7"),
        ("PROXY TCP6 2001:db8::1 ::1 56324 443\r\n", "2001:db8::1", "::1"),
    ])
    func aLineNamesBothEnds(_ line: String, _ from: String, _ to: String) throws {
        let addresses = try Self.addresses(from, to)
        #expect(try Self.read(Array(line.utf8)).addresses == addresses)
        #expect(ProxyHeader(addresses).bytes(.v1) == ByteBuffer(string: line))
    }

    /// §2.1: "the receiver must ignore anything presented before the CRLF is found".
    @Test(arguments: ["PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff:f...f:ffff and more\r\n"])
    func anUnknownClientIsNoAddress(_ line: String) throws {
        #expect(try Self.read(Array(line.utf8)) == ProxyHeader(nil))
    }

    @Test(arguments: [
        "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\n", "PROXY TCP4 192.0.2.1 198.51.100.7 56324\r\n",
        "PROXY TCP4  192.0.2.1 198.51.100.7 56324 443\r\n", "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443 \r\n",
        "PROXY TCP4 192.0.2.1 ::1 56324 443\r\n", "PROXY TCP6 192.0.2.1 198.51.100.7 56324 443\r\n",
        "PROXY TCP5 192.0.2.1 198.51.100.7 56324 443\r\n", "PROXY TCP4 192.0.2.01 198.51.100.7 56324 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 65536 443\r\n", "PROXY TCP4 192.0.2.1 198.51.100.7 056 443\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.7 +56 443\r\n", "PROXY TCP6 fe80::1%lo ::1 1 2\r\n", "PROXY \r\n",
        "PROXY \n", "PROXY tcp4 192.0.2.1 198.51.100.7 1 2\r\n",
    ])
    func aBrokenLineIsRefused(_ line: String) {
        var buffer = ByteBuffer(string: line)
        #expect(throws: ProxyProtocolViolation.badLine) { try ProxyHeader.read(&buffer) }
    }

    @Test func aLineHas107BytesAtMost() throws {
        let longest = "PROXY UNKNOWN " + String(repeating: "x", count: 91) + "\r\n"
        #expect(try Self.read(Array(longest.utf8)) == ProxyHeader(nil))
        var buffer = ByteBuffer(string: "PROXY UNKNOWN " + String(repeating: "x", count: 93))
        #expect(throws: ProxyProtocolViolation.lineTooLong) { try ProxyHeader.read(&buffer) }
    }

    @Test func theBinaryFormNamesBothEnds() throws {
        let four = Self.signature + [0x21, 0x11, 0, 12, 192, 0, 2, 1, 198, 51, 100, 7, 0xDC, 0x04, 1, 0xBB]
        let addresses = try Self.addresses("192.0.2.1", "198.51.100.7")
        #expect(try Self.read(four).addresses == addresses)
        #expect(ProxyHeader(addresses).bytes(.v2) == ByteBuffer(bytes: four))
        let six = try Self.addresses("2001:db8::1", "::1")
        let bytes = ProxyHeader(six).bytes(.v2)
        #expect(bytes.readableBytes == 52)
        #expect(try Self.read(Array(bytes.readableBytesView)).addresses == six)
    }

    /// TLVs stand behind the addresses: PP2_TYPE_ALPN here.
    @Test func fieldsBehindTheAddressesAreSkipped() throws {
        let bytes =
            Self.signature + [
                0x21, 0x11, 0, 17, 192, 0, 2, 1, 198, 51, 100, 7, 0xDC, 0x04, 1, 0xBB, 1, 0, 2, 0x68, 0x32,
            ]
        #expect(try Self.read(bytes).addresses == Self.addresses("192.0.2.1", "198.51.100.7"))
    }

    @Test func localUnspecifiedAndUnixConnectionsHaveNoAddresses() throws {
        #expect(try Self.read(Self.signature + [0x20, 0x11, 0, 2, 1, 2]) == ProxyHeader(nil))
        #expect(try Self.read(Self.signature + [0x21, 0x00, 0, 0]) == ProxyHeader(nil))
        #expect(
            try Self.read(Self.signature + [0x21, 0x31, 0, 216] + [UInt8](repeating: 1, count: 216)).addresses == nil)
        #expect(ProxyHeader(nil).bytes(.v2, isLocal: true) == ByteBuffer(bytes: Self.signature + [0x20, 0, 0, 0]))
        #expect(ProxyHeader(nil).bytes(.v2) == ByteBuffer(bytes: Self.signature + [0x21, 0, 0, 0]))
        #expect(ProxyHeader(nil).bytes(.v1) == ByteBuffer(string: "PROXY UNKNOWN\r\n"))
    }

    @Test(
        arguments: [
            ([0x11, 0x11, 0, 12], .badVersion), ([0x22, 0x11, 0, 12], .badVersion), ([0x21, 0x13, 0, 12], .badFamily),
            ([0x21, 0x41, 0, 12], .badFamily), ([0x21, 0x11, 0, 11], .tooShort), ([0x21, 0x21, 0, 35], .tooShort),
            ([0x21, 0x31, 0, 215], .tooShort), ([0x21, 0x11, 0x10, 0], .tooLong), ([0x20, 0x00, 0xFF, 0xFF], .tooLong),
        ] as [([UInt8], ProxyProtocolViolation)])
    func aBrokenBinaryHeaderIsRefusedBeforeItsEnd(_ rest: [UInt8], _ violation: ProxyProtocolViolation) {
        var buffer = ByteBuffer(bytes: Self.signature + rest)
        #expect(throws: violation) { try ProxyHeader.read(&buffer) }
    }

    @Test func anIPv4AddressBesideAnIPv6AddressIsMapped() throws {
        let addresses = try Self.addresses("192.0.2.1", "::1")
        #expect(addresses.source.ipAddress == "::ffff:192.0.2.1" && addresses.source.port == 56324)
        let path = try SocketAddress(unixDomainSocketPath: "/x")
        #expect(ProxyHeader.Addresses(source: path, destination: addresses.source) == nil)
    }

    @Test func whatBeginsOtherwiseIsToldAtItsFirstByte() {
        #expect(ProxyHeader.beginning(of: ByteBuffer(string: "PROXY ")) == .header)
        #expect(ProxyHeader.beginning(of: ByteBuffer(bytes: Self.signature)) == .header)
        for text in ["", "P", "PROXY", "\r\n\r\n"] {
            #expect(ProxyHeader.beginning(of: ByteBuffer(string: text)) == .undecided, "\(text)")
        }
        for text in ["GET /", "POST", "PROXYX", "\u{16}\u{3}", "\r\nX"] {
            #expect(ProxyHeader.beginning(of: ByteBuffer(string: text)) == .other, "\(text)")
        }
        var buffer = ByteBuffer(string: "GET /")
        #expect(throws: ProxyProtocolViolation.noHeader) { try ProxyHeader.read(&buffer) }
    }

    /// Whatever comes: an answer, a wait for no more than the longest header, or a refusal; never a trap.
    @Test func randomBytesNeverTrapAndNeverWaitForEver() {
        var random = SeededBytes(seed: 7)
        for round in 0..<20_000 {
            var bytes = round % 2 == 0 ? Self.signature : Array("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n".utf8)
            for _ in 0..<Int(random.next() % 8) {
                let index = Int(random.next()) % bytes.count
                bytes[index] = random.next()
            }
            bytes += (0..<Int(random.next())).map { _ in random.next() }
            var buffer = ByteBuffer(bytes: bytes)
            _ = try? ProxyHeader.read(&buffer)
            bytes += [UInt8](repeating: random.next(), count: 5000)
            buffer = ByteBuffer(bytes: bytes)
            let count = buffer.readableBytes
            do throws(ProxyProtocolViolation) {
                // With this much of it nothing is left to wait for.
                #expect(try ProxyHeader.read(&buffer) != nil)
                #expect(count - buffer.readableBytes <= 4096)
            } catch {}
        }
    }

    @Test func whatIsWrittenIsRead() throws {
        var random = SeededBytes(seed: 11)
        for round in 0..<2000 {
            let size = round % 2 == 0 ? 4 : 16
            func endpoint() throws -> SocketAddress {
                let port = Int(random.next()) << 8 | Int(random.next())
                return try SocketAddress(
                    packedIPAddress: ByteBuffer(bytes: (0..<size).map { _ in random.next() }), port: port)
            }
            let header = ProxyHeader(ProxyHeader.Addresses(source: try endpoint(), destination: try endpoint()))
            for version in [ProxyHeader.Version.v1, .v2] {
                var bytes = header.bytes(version)
                #expect(try ProxyHeader.read(&bytes) == header)
                #expect(bytes.readableBytes == 0)
            }
        }
    }
}

/// The same bytes at each run.
private struct SeededBytes {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt8 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(truncatingIfNeeded: state >> 33)
    }
}
