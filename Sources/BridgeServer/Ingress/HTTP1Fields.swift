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
        if let reason = codingProblem(head) { return .failure(BadRequest(reason: reason)) }
        var authority = host
        var target = head.uri
        if !target.hasPrefix("/"), target != "*" {
            // RFC 9112 §3.2.2: the absolute form. Whoever reads Host instead must not be led elsewhere.
            guard let scheme = target.firstRange(of: "://") else {
                return .failure(BadRequest(reason: "The request target is neither a path nor a URL."))
            }
            let rest = target[scheme.upperBound...]
            let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
            authority = String(rest[..<end])
            guard hostCount == 0 || authority.lowercased() == host.lowercased() else {
                return .failure(BadRequest(reason: "The request target and the Host field name different hosts."))
            }
            target = rest[end...].hasPrefix("/") ? String(rest[end...]) : "/" + rest[end...]
        }
        guard HTTP1Target.isAuthority(authority.utf8) else {
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

    /// What of `Transfer-Encoding` the next in line might read in another way. llhttp has refused it beside
    /// `Content-Length`, and where chunked is not the last of its codings.
    private static func codingProblem(_ head: HTTPRequestHead) -> String? {
        let codings = head.headers[canonicalForm: "transfer-encoding"]
        guard !codings.isEmpty else { return nil }
        // RFC 9112 §6.1: "MUST treat the message as if the framing is faulty".
        guard head.version.minor > 0 else { return "HTTP/1.0 has no Transfer-Encoding." }
        return codings.count == 1 && codings[0].lowercased() == "chunked"
            ? nil : "Transfer-Encoding is not chunked alone."
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

    static func block(_ headers: HTTPHeaders) -> FieldBlock {
        var fields = FieldBlock()
        for (name, value) in headers { fields.append(name, value) }
        return fields
    }

    /// Status line and fields, without the empty line.
    static func writeHead(_ status: String, _ fields: FieldBlock, into buffer: inout ByteBuffer) {
        let reason = HTTPResponseStatus(statusCode: Int(status) ?? 500).reasonPhrase
        buffer.writeStaticString("HTTP/1.1 ")
        buffer.writeString(status)
        buffer.writeStaticString(" ")
        buffer.writeString(reason)
        buffer.writeStaticString("\r\n")
        HTTP1Lines.write(fields, into: &buffer)
    }

    static func isTooLong(_ error: any Error) -> Bool {
        guard let error = error as? HTTPParserError else { return false }
        return error == .headerOverflow
    }
}
