// rtbridge: gRPC's header fields on their way through.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire

/// Translation of header fields between a client and a gRPC back-end (gRPC PROTOCOL-HTTP2.md).
enum GRPCFields {
    /// The request for the back-end: path and metadata unchanged and in order, what belongs to the client's
    /// connection taken out, what HTTP/2 demands put in. `grpc-timeout` is left out: the back leg gives what is left.
    static func request(_ head: RequestHead, contentType: String) -> FieldBlock {
        var fields = request(head, contentType, except: requestOnlyAndLength)
        // PROTOCOL-WEB.md: gRPC-Web clients may not know that messages can be compressed.
        if !head.fields.contains("grpc-accept-encoding") { fields.append("grpc-accept-encoding", "identity") }
        return fields
    }

    /// The same of a client that speaks gRPC itself: its metadata stays as it is, and the whole block where there is
    /// nothing to take out.
    static func nativeRequest(_ head: RequestHead) -> FieldBlock {
        if isForBack(head.fields) { return head.fields }
        return request(head, nativeType(head.fields) ?? "application/grpc", except: requestOnly)
    }

    /// A native content-type, as it came.
    static func nativeType(_ fields: FieldBlock) -> String? {
        fields.withFirst("content-type") { GRPCWebContentType.native($0) }
    }

    /// The back-end's connection says in `:scheme` how it is spoken.
    private static func request(_ head: RequestHead, _ contentType: String, except names: FieldNames) -> FieldBlock {
        var fields = FieldBlock()
        fields.reserveCapacity(fields: head.fields.count + 4, bytes: head.fields.listSize)
        fields.append(":method", "POST")
        fields.append(":scheme", "http")
        fields.append(":path", head.path)
        fields.append(":authority", head.fields.first(":authority") ?? FieldValue())
        fields.append("te", "trailers")
        fields.append("content-type", contentType.utf8)
        HopByHop.copy(from: head.fields, into: &fields, except: names)
        return fields
    }

    /// Whether the back-end can be sent a native call's fields as they came; its connection sets `:scheme`.
    private static func isForBack(_ fields: FieldBlock) -> Bool {
        // Pseudo-header fields of a request come once each (RFC 9113 §8.3).
        var (isForBack, pseudo, hasAuthority, saysTrailers) = (true, 0, false, false)
        fields.forEach { name, value in
            if name.first == UInt8(ascii: ":") {
                pseudo += 1
                hasAuthority = hasAuthority || FieldBytes.areEqual(name, ":authority")
            } else if FieldBytes.areEqual(name, "te") {
                saysTrailers = true
                isForBack = isForBack && FieldBytes.areEqual(value, "trailers")
            } else if HopByHop.isHopByHop(name) || requestStops.contains(name) {
                isForBack = false
            }
        }
        return isForBack && pseudo == 4 && saysTrailers && hasAuthority
    }

    private static let requestStops: FieldNames = ["host", "expect", "grpc-timeout"]
    private static let requestOnly = requestStops.adding("content-type")
    /// A browser's body is not the one that the back-end gets.
    private static let requestOnlyAndLength = requestOnly.adding("content-length")

    /// Copies what the back-end says to the client: metadata in order, without what describes its own message or
    /// policy. Its CORS fields are replaced by the route's, not doubled.
    static func copyResponse(_ from: FieldBlock, into fields: inout FieldBlock, keepsEncoding: Bool = true) {
        HopByHop.copy(from: from, into: &fields, except: keepsEncoding ? responseOnly : responseOnlyAndEncoding)
    }

    /// What ``copyResponse(_:into:keepsEncoding:)`` copies; the very block where that is all of it, as of most trailers.
    static func response(_ from: FieldBlock) -> FieldBlock { HopByHop.endToEnd(from, except: responseOnly) }

    /// Whether a native client can be sent the back-end's answer's head as it came.
    static func isForFront(_ head: FieldBlock) -> Bool {
        var (isForFront, pseudo) = (true, 0)
        head.forEach { name, _ in
            if name.first == UInt8(ascii: ":") {
                pseudo += 1
            } else if HopByHop.isHopByHop(name) || responseStops.contains(name) {
                isForFront = false
            }
        }
        return isForFront && pseudo == 1
    }

    private static let responseOnly = responseStops.adding("content-type")
    private static let responseStops: FieldNames = [
        "content-length", "access-control-allow-origin", "access-control-allow-credentials",
        "access-control-expose-headers", "access-control-allow-methods", "access-control-allow-headers",
        "access-control-max-age",
    ]
    private static let responseOnlyAndEncoding = responseOnly.adding("grpc-encoding")

    /// Status and message as trailers.
    static func trailers(code: Int, message: String) -> FieldBlock {
        var fields = FieldBlock()
        fields.append("grpc-status", String(code).utf8)
        if !message.isEmpty { fields.append("grpc-message", GRPCMessageText.encode(message).utf8) }
        return fields
    }

    /// Trailers as the client may be given them: `grpc-message` always percent-encoded as gRPC PROTOCOL-HTTP2.md
    /// says, since the browser's client throws on an escape that is none.
    static func sanitised(_ trailers: FieldBlock) -> FieldBlock {
        guard let message = trailers.first("grpc-message"), message.contains(UInt8(ascii: "%")) else { return trailers }
        var fields = FieldBlock()
        trailers.forEach { name, value in
            if FieldBytes.areEqual(name, "grpc-message") {
                fields.append("grpc-message", GRPCMessageText.sanitise(value))
            } else {
                fields.append(name: name, value: value)
            }
        }
        return fields
    }

    /// The names of metadata that an answer carries, each with a comma before it, for Expose-Headers.
    static func names(_ fields: FieldBlock) -> [UInt8] {
        var names: [UInt8] = []
        fields.forEach { name, _ in
            guard name.first != UInt8(ascii: ":"), !FieldBytes.hasPrefix(name, "grpc-"),
                !FieldBytes.areEqual(name, "content-type"), !FieldBytes.areEqual(name, "content-length")
            else { return }
            names += [UInt8(ascii: ","), UInt8(ascii: " ")]
            names += name
        }
        return names
    }
}
