// rtbridge: header fields of HTTP/1.1 to and from field blocks.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import NIOCore
import NIOHTTP1

enum HTTP1Fields {
    /// A request that is not to be answered otherwise than with 400.
    struct BadRequest: Error { var reason: String }

    /// The request as HTTP/2 would say it: pseudo-header fields first (RFC 9113 §8.3.1), `host` as `:authority`.
    static func request(_ head: HTTPRequestHead, isTLS: Bool) -> Result<FieldBlock, BadRequest> {
        let (host, hostCount) = host(head.headers)
        // RFC 9112 §3.2: 400 for a request "that lacks a Host header field and … that contains more than one".
        guard hostCount == 1 || hostCount == 0 && head.version.minor == 0 else {
            return .failure(
                BadRequest(reason: hostCount == 0 ? "The Host field is missing." : "More than one Host field."))
        }
        var authority = host
        var target = head.uri
        if !target.hasPrefix("/"), target != "*" {
            // RFC 9112 §3.2.2: the absolute form; its authority replaces Host's.
            guard let scheme = target.firstRange(of: "://") else {
                return .failure(BadRequest(reason: "The request target is neither a path nor a URL."))
            }
            let rest = target[scheme.upperBound...]
            let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
            authority = String(rest[..<end])
            target = rest[end...].hasPrefix("/") ? String(rest[end...]) : "/" + rest[end...]
        }
        guard authority.utf8.allSatisfy(isHostByte) else {
            return .failure(BadRequest(reason: "The Host field is not a host and a port."))
        }
        var fields = FieldBlock()
        fields.reserveCapacity(fields: head.headers.count + 4, bytes: 512)
        fields.append(":method", head.method.rawValue.utf8)
        fields.append(":scheme", isTLS ? "https" : "http")
        fields.append(":path", target.utf8)
        fields.append(":authority", authority.utf8)
        for (name, value) in head.headers { fields.append(name, value) }
        return .success(fields)
    }

    /// The value of the Host field, and how many there are; a list of hosts is more than one.
    private static func host(_ headers: HTTPHeaders) -> (String, Int) {
        var (host, count) = ("", 0)
        for (name, value) in headers where name.utf8.count == 4 && name.utf8.elementsEqual("host".utf8, by: isSame) {
            host = value
            count += value.utf8.contains(UInt8(ascii: ",")) ? 2 : 1
        }
        return (host, count)
    }

    /// Whether a byte is `lowercase`, whatever its case.
    private static func isSame(_ byte: UInt8, _ lowercase: UInt8) -> Bool { byte | 0x20 == lowercase }

    /// RFC 3986 §3.2.2 and §3.2.3: what a host and a port are made of; user information is not among it.
    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x3A, 0x41...0x5A, 0x61...0x7A, 0x5B, 0x5D: true  // 0-9 : A-Z a-z [ ]
        default: "-._~%!$&'()*+,;=".utf8.contains(byte)
        }
    }

    static func block(_ headers: HTTPHeaders) -> FieldBlock {
        var fields = FieldBlock()
        for (name, value) in headers { fields.append(name, value) }
        return fields
    }

    /// Status line and fields, without the empty line. Pseudo-header fields are left out, and CR, LF and NUL in a
    /// value become spaces (RFC 9110 §5.5).
    static func writeHead(_ status: String, _ fields: FieldBlock, into buffer: inout ByteBuffer) {
        let reason = HTTPResponseStatus(statusCode: Int(status) ?? 500).reasonPhrase
        buffer.writeStaticString("HTTP/1.1 ")
        buffer.writeString(status)
        buffer.writeStaticString(" ")
        buffer.writeString(reason)
        buffer.writeStaticString("\r\n")
        fields.forEach { name, value in
            guard name.first != UInt8(ascii: ":") else { return }
            buffer.writeBytes(name)
            buffer.writeStaticString(": ")
            let start = buffer.writerIndex
            buffer.writeBytes(value)
            for index in 0..<value.count where value[index] <= 0x0D {
                let byte = value[index]
                if byte == 0x0D || byte == 0x0A || byte == 0 { buffer.setInteger(UInt8(ascii: " "), at: start + index) }
            }
            buffer.writeStaticString("\r\n")
        }
    }

    /// RFC 9112 §7.1: the size in hexadecimal.
    static func writeChunkHeader(_ count: Int, into buffer: inout ByteBuffer) {
        buffer.writeString(String(count, radix: 16))
        buffer.writeStaticString("\r\n")
    }

    static func isTooLong(_ error: any Error) -> Bool {
        guard let error = error as? HTTPParserError else { return false }
        return error == .headerOverflow
    }
}
