// rtbridge: a request's head as the ingress hands it on.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeWire
import NIOCore

/// A request's head, the same for HTTP/1.1 and HTTP/2: pseudo-header fields first, names in lower case.
///
/// A class, because many hold it and nobody changes it: passing it on costs one reference, not one for each part.
public final class RequestHead: Sendable {
    public enum Version: Sendable { case http1, http2 }
    public enum Method: Sendable { case get, post, options, head, connect, other }

    public let version: Version
    public let method: Method
    public let fields: FieldBlock
    /// What the content-type says of gRPC; looked at once, for all who ask.
    public let contentKind: GRPCContentKind
    /// In ``fields``: a place costs no reference to their memory.
    private let pathPlace: Range<Int>
    private let queryPlace: Range<Int>?
    public let connection: ConnectionInfo
    /// HTTP/1.0, of ``Version/http1``.
    public let isHTTP10: Bool

    /// - Parameter fields: with `:method` and `:path`, and `:authority` where the request had one or a Host field.
    public init(version: Version, fields: FieldBlock, connection: ConnectionInfo, isHTTP10: Bool = false) {
        self.version = version
        self.isHTTP10 = isHTTP10
        self.fields = fields
        self.connection = connection
        method = fields.withFirst(":method") { Self.method($0) } ?? .other
        contentKind = fields.withFirst("content-type") { GRPCContentKind($0) } ?? .other
        let target = fields.range(of: ":path") ?? 0..<0
        let mark = fields.withBytes(in: target) { FieldBytes.firstIndex(of: UInt8(ascii: "?"), in: $0) }
        pathPlace = target.prefix(mark ?? target.count)
        queryPlace = mark.map { target.dropFirst($0 + 1) }
    }

    /// The path as it came, percent-encoding included, without the query.
    public var path: FieldValue { fields.value(in: pathPlace) }

    /// Calls `body` with ``path``; the pointer is valid during the call alone.
    public func withPath<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        fields.withBytes(in: pathPlace, body)
    }

    /// Without the question mark.
    public var query: FieldValue? { queryPlace.map(fields.value) }

    /// Whether the request asks for another protocol on its stream (RFC 8441 §4: `:protocol`).
    public var isExtendedConnect: Bool { version == .http2 && method == .connect && fields.contains(":protocol") }

    /// The host that was asked for, in lower case, without a port; an IPv6 address keeps its brackets.
    public var hostName: String {
        let authority = (fields.string(":authority") ?? fields.string("host") ?? "").lowercased()
        if authority.hasPrefix("["), let end = authority.firstIndex(of: "]") {
            return String(authority[...end])
        }
        guard let colon = authority.lastIndex(of: ":") else { return authority }
        return String(authority[..<colon])
    }

    private static func method(_ bytes: UnsafeRawBufferPointer) -> Method {
        if FieldBytes.areEqual(bytes, "POST") { return .post }
        if FieldBytes.areEqual(bytes, "GET") { return .get }
        if FieldBytes.areEqual(bytes, "OPTIONS") { return .options }
        if FieldBytes.areEqual(bytes, "HEAD") { return .head }
        if FieldBytes.areEqual(bytes, "CONNECT") { return .connect }
        return .other
    }
}

/// The connection that a request came in on.
public final class ConnectionInfo: Sendable {
    /// The listener's name.
    public let listener: String
    public let isTLS: Bool
    /// The client's IP address, without a port.
    public let client: String
    /// The client's address and the one that it connected to, as the PROXY protocol passes them on; nil where there
    /// are none.
    public let source: SocketAddress?
    public let destination: SocketAddress?
    /// The listener's limits, for protocols that carry requests within a request.
    public let maxHeaderBytes: Int
    public let maxConcurrentStreams: Int

    public init(
        listener: String, isTLS: Bool, client: String, source: SocketAddress? = nil, destination: SocketAddress? = nil,
        limits: ListenerLimits = ListenerLimits()
    ) {
        self.listener = listener
        self.isTLS = isTLS
        self.client = client
        self.source = source
        self.destination = destination
        maxHeaderBytes = limits.maxHeaderBytes
        maxConcurrentStreams = limits.maxConcurrentStreams
    }
}
