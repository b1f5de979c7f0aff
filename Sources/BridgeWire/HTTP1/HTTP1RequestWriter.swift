// rtbridge: a request on its way to an HTTP/1.1 server.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Writes one request (RFC 9112). Its head waits until it is known whether a body follows: HTTP/2 says that with the
/// first frame behind the head, and HTTP/1.1 wants it said in the head.
///
/// ```
/// waiting ──body | headTimePassed──▶ length | chunked ──finish──▶ over
///    └──────finish: no body──────────────────────────────────────▶
/// ```
public struct HTTP1RequestWriter {
    private enum State { case waiting, length, chunked, over }

    private let head: FieldBlock
    private let host: String?
    private var state = State.waiting

    /// - Parameter head: with `:method`, `:path` and `:authority`; without hop-by-hop fields.
    /// - Parameter host: in place of the authority.
    public init(_ head: FieldBlock, host: String?) {
        self.head = head
        self.host = host
    }

    public var isHeadWritten: Bool { state != .waiting }
    public var isOver: Bool { state == .over }
    /// Whether body pieces stand in chunks: a line with the size before each, and a line end behind it.
    public var isChunked: Bool { state == .chunked }

    /// A piece of the body comes, or the rest of the request is known to come later. Does nothing the second time.
    public mutating func writeHead(into buffer: inout ByteBuffer) {
        guard state == .waiting else { return }
        let hasLength = head.contains("content-length")
        state = hasLength ? .length : .chunked
        writeHead(framing: hasLength ? nil : "transfer-encoding: chunked\r\n", into: &buffer)
    }

    /// The request is over.
    /// - Parameter trailers: sent where the body is chunked; dropped elsewhere.
    public mutating func finish(_ trailers: FieldBlock?, into buffer: inout ByteBuffer) {
        switch state {
        case .waiting:
            state = .over
            // RFC 9110 §8.6: "SHOULD send Content-Length … even if the value is 0" with methods that have a body.
            let isEmptyBody =
                !head.contains("content-length") && head.withFirst(":method", Self.anticipatesBody) ?? false
            writeHead(framing: isEmptyBody ? "content-length: 0\r\n" : nil, into: &buffer)
        case .chunked:
            state = .over
            buffer.writeStaticString("0\r\n")
            if let trailers { HTTP1Lines.write(trailers, into: &buffer) }
            buffer.writeStaticString("\r\n")
        case .length: state = .over
        case .over: break
        }
    }

    private static func anticipatesBody(_ method: UnsafeRawBufferPointer) -> Bool {
        FieldBytes.areEqual(method, "POST") || FieldBytes.areEqual(method, "PUT")
            || FieldBytes.areEqual(method, "PATCH")
    }

    private func writeHead(framing: StaticString?, into buffer: inout ByteBuffer) {
        // The pseudo-header fields' names are longer than what stands around their values.
        let count = HTTP1Lines.length(head) + (host?.utf8.count ?? 0) + 128
        HTTP1Cursor.write(upTo: count, into: &buffer) { cursor in
            head.withFirst(":method") { cursor.write($0) }
            cursor.write(" ")
            head.withFirst(":path") { cursor.write($0) }
            cursor.write(" HTTP/1.1\r\nhost: ")
            if let host {
                cursor.write(text: host)
            } else {
                head.withFirst(":authority") { cursor.write($0) }
            }
            cursor.write("\r\n")
            HTTP1Lines.write(head, &cursor)
            // RFC 9110 §10.1.4: a sender of TE "MUST also send a TE connection option".
            if head.contains("te") { cursor.write("connection: te\r\n") }
            if let framing { cursor.write(framing) }
            cursor.write("\r\n")
        }
    }
}
