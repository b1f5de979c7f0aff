// rtbridge: header fields of plain HTTP on their way through.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgeWire

enum HTTPFields {
    /// The request for the back-end: end-to-end fields in order, what HTTP/2 cut put together, and what the back-end is
    /// told of the client's connection.
    static func request(_ head: RequestHead, forwarded: HTTPOptions.Forwarded) -> FieldBlock {
        var fields = FieldBlock()
        fields.reserveCapacity(fields: head.fields.count + 8, bytes: head.fields.byteCount + 256)
        let authority = head.fields.first(":authority") ?? head.fields.first("host") ?? []
        fields.append(":method", head.fields.first(":method") ?? [])
        fields.append(":path", head.fields.first(":path") ?? [])
        fields.append(":authority", authority)
        HopByHop.copy(
            from: head.fields, into: &fields, except: forwarded == .off ? connectionOnly : connectionOnlyAndForwarded)
        appendCookies(head.fields, to: &fields)
        if isExpectingContinue(head) { fields.append("expect", "100-continue") }
        // A back-end that has trailers sends them to who takes them (RFC 9110 §6.5.1).
        if FieldTokens.contains(head.fields, "te", token: "trailers") { fields.append("te", "trailers") }
        let ours = ForwardedClient(
            client: head.connection.client, host: authority, isTLS: head.connection.isTLS)
        switch forwarded {
        case .append: ours.append(to: &fields, keeping: head.fields)
        case .replace: ours.append(to: &fields, keeping: nil)
        case .off: break
        }
        return fields
    }

    private static let connectionOnly: FieldNames = ["host", "cookie", "expect", "http2-settings"]
    private static let connectionOnlyAndForwarded = connectionOnly.adding(
        "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto")

    /// RFC 9113 §8.2.3: several cookie fields "MUST be concatenated into a single octet string using the two-octet
    /// delimiter of 0x3b, 0x20" before they are passed into a context that is not HTTP/2.
    private static func appendCookies(_ request: FieldBlock, to fields: inout FieldBlock) {
        guard request.contains("cookie") else { return }
        var cookies: [UInt8] = []
        request.forEach { name, value in
            guard FieldBytes.areEqual(name, "cookie") else { return }
            if !cookies.isEmpty { cookies += [UInt8(ascii: ";"), UInt8(ascii: " ")] }
            cookies += value
        }
        if !cookies.isEmpty { fields.append("cookie", cookies) }
    }

    /// RFC 9110 §10.1.1: a 100 (Continue) expectation in an HTTP/1.0 request is ignored.
    static func isExpectingContinue(_ head: RequestHead) -> Bool {
        !head.isHTTP10 && FieldTokens.contains(head.fields, "expect", token: "100-continue")
    }

    /// The back-end's answer for the client.
    ///
    /// - Parameter hasPolicy: the route has a CORS policy, which replaces the back-end's own fields.
    static func response(_ head: FieldBlock, hasPolicy: Bool) -> FieldBlock {
        if !hasPolicy, HopByHop.isEndToEnd(head) { return head }
        var fields = FieldBlock()
        fields.append(":status", head.first(":status") ?? [])
        HopByHop.copy(from: head, into: &fields, except: hasPolicy ? corsFields : [])
        return fields
    }

    private static let corsFields: FieldNames = [
        "access-control-allow-origin", "access-control-allow-credentials", "access-control-expose-headers",
        "access-control-allow-methods", "access-control-allow-headers", "access-control-max-age",
    ]

    /// A status that was checked to be one: three digits.
    static func status(_ digits: UnsafeRawBufferPointer) -> Int {
        digits.reduce(0) { $0 * 10 + Int($1 & 0xF) }
    }

    /// Trailers without what a recipient may not merge into the head (RFC 9110 §6.5.1): framing, routing, request
    /// modifiers, authentication, and how the content is to be read.
    static func trailers(_ trailers: FieldBlock?) -> FieldBlock? {
        guard let trailers, !trailers.isEmpty else { return nil }
        let fields = HopByHop.endToEnd(trailers, except: notInTrailers)
        return fields.isEmpty ? nil : fields
    }

    private static let notInTrailers: FieldNames = [
        "content-length", "host", "expect", "max-forwards", "cache-control", "range", "authorization", "cookie",
        "set-cookie", "proxy-authorization", "proxy-authenticate", "www-authenticate", "content-encoding",
        "content-type", "content-range", "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto",
    ]

    /// The names of an answer's fields, each with a comma before it, for Expose-Headers.
    static func names(_ fields: FieldBlock) -> [UInt8] {
        var names: [UInt8] = []
        fields.forEach { name, _ in
            guard name.first != UInt8(ascii: ":"), !FieldBytes.areEqual(name, "set-cookie") else { return }
            if !names.isEmpty { names += [UInt8(ascii: ","), UInt8(ascii: " ")] }
            names += name
        }
        return names
    }
}
