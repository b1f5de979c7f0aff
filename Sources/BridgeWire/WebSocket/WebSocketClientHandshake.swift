// rtbridge: the opening handshake with a WebSocket back-end.
// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// One opening handshake from its request to its answer, as a value without I/O (RFC 6455 §4.1).
///
/// ```
/// head ──101, as it has to be──▶ opened
///   └──another status──▶ body ──its end, or too much of it──▶ refused
/// ```
public struct WebSocketClientHandshake {
    /// What the back-end has said so far.
    public enum OnBytes: Equatable {
        case needsMore
        case opened(Opened)
        /// Another answer than 101, to be passed on.
        case refused(HTTPAnswer)
    }

    /// The WebSocket is open.
    public struct Opened: Equatable {
        /// The end-to-end fields of the answer, `:status` first, with `sec-websocket-protocol` where one was chosen.
        public var head: FieldBlock
        public var subprotocol: String?
        /// What was agreed on for compressed messages.
        public var compression: WebSocketCompression
        /// What came behind the head: the first frames.
        public var rest: ByteBuffer
    }

    /// What is offered for compression.
    public enum Offer: Equatable, Sendable {
        case none
        /// The bridge's own `permessage-deflate`.
        case deflate
        /// The client's own offers, whose answer is the client's too.
        case passThrough([WebSocketExtensionOffer])

        var elements: [WebSocketExtensionOffer] {
            switch self {
            case .none: []
            case .deflate: [WebSocketDeflateParameters.offer]
            case .passThrough(let offers): offers.filter { $0.name == WebSocketDeflateParameters.name }
            }
        }
    }

    private enum Phase { case head, body(HTTPAnswerHead, BoundedBody) }

    /// The head of the answer, and of those with 1xx before it.
    public static let maximumHeadBytes = 16 * 1024
    /// The body of an answer that is not 101; a longer one is left out.
    public static let maximumBodyBytes = 64 * 1024

    private let key: String
    private let subprotocols: [String]
    private let offer: Offer
    private var phase = Phase.head
    private var pending = ByteBuffer()
    /// No end of a head begins before this offset.
    private var searched = 0
    private var headBytes = 0

    /// - Parameter key: see ``WebSocketHandshake/key(random:)``.
    /// - Parameter subprotocols: what the client offers.
    public init(key: String, subprotocols: [String], offer: Offer = .none) {
        self.key = key
        self.subprotocols = subprotocols
        self.offer = offer
    }

    // MARK: The request

    /// Fields that the handshake makes anew, or that have no meaning in it.
    private static let ownNames: FieldNames = [
        "host", "cookie", "content-length", "expect", "http2-settings", "sec-websocket-key", "sec-websocket-version",
        "sec-websocket-protocol", "sec-websocket-extensions", "sec-websocket-accept",
        "forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host",
    ]

    /// The request of the client as the back-end gets it: path, query and end-to-end fields as they came, Host included.
    ///
    /// - Parameter request: the client's, with `:path`, `:scheme` and `:authority`.
    /// - Parameter client: the client's IP address.
    /// - Parameter host: for a request that names none.
    public func request(_ request: FieldBlock, client: String, host: String) -> ByteBuffer {
        var buffer = ByteBuffer()
        HTTPRequestWriter.writeLine("GET", request.first(":path") ?? FieldValue("/".utf8), into: &buffer)
        let authority = request.first(":authority").map(Array.init) ?? []
        HTTPRequestWriter.write("Host".utf8, authority.isEmpty ? Array(host.utf8) : authority, into: &buffer)
        buffer.writeStaticString("Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n")
        HTTPRequestWriter.write("Sec-WebSocket-Key".utf8, key.utf8, into: &buffer)
        if !subprotocols.isEmpty {
            let offers = subprotocols.joined(separator: ", ")
            HTTPRequestWriter.write("Sec-WebSocket-Protocol".utf8, offers.utf8, into: &buffer)
        }
        if !offer.elements.isEmpty {
            let offers = offer.elements.map(\.description).joined(separator: ", ")
            HTTPRequestWriter.write("Sec-WebSocket-Extensions".utf8, offers.utf8, into: &buffer)
        }
        var fields = FieldBlock()
        HopByHop.copy(from: request, into: &fields, except: Self.ownNames)
        // RFC 9113 §8.2.3: HTTP/2 may cut Cookie into several fields; HTTP/1.1 wants one.
        let cookies = request.pairs.filter { $0.name == "cookie" }.map(\.value)
        if !cookies.isEmpty { fields.append("cookie", cookies.joined(separator: "; ").utf8) }
        let isTLS = request.first(":scheme")?.elementsEqual("https".utf8) == true
        ForwardedClient(client: client, host: FieldValue(authority), isTLS: isTLS).append(to: &fields, keeping: request)
        HTTPRequestWriter.write(fields, into: &buffer)
        buffer.writeStaticString("\r\n")
        return buffer
    }

    // MARK: The answer

    /// Takes bytes of the back-end; not to be called again after an answer.
    /// - Throws: ``WebSocketHandshakeError`` if it is not an answer to the request.
    public mutating func receive(_ bytes: ByteBuffer) throws(WebSocketHandshakeError) -> OnBytes {
        pending.writeImmutableBuffer(bytes)
        while true {
            switch phase {
            case .head:
                guard let head = try readHead() else { return .needsMore }
                // RFC 9110 §15.2: "A client MUST be able to parse one or more 1xx responses".
                if head.status == 101 { return .opened(try opened(head)) }
                if head.status < 200 { continue }
                guard let framing = head.body else { throw malformed }
                phase = .body(head, BoundedBody(framing, limit: Self.maximumBodyBytes))
            case .body(let head, var body):
                let result = body.receive(&pending)
                phase = .body(head, body)
                return Self.refused(head, body, result)
            }
        }
    }

    /// The back-end has ended the connection.
    /// - Returns: its answer, if that is enough of one.
    public func ended() -> HTTPAnswer? {
        guard case .body(let head, let body) = phase else { return nil }
        guard case .refused(let answer) = Self.refused(head, body, body.ended()) else { return nil }
        return answer
    }

    private mutating func readHead() throws(WebSocketHandshakeError) -> HTTPAnswerHead? {
        let view = pending.readableBytesView
        var index = view.startIndex + searched
        while index + 4 <= view.endIndex {
            if view[index] == 0x0D, view[index..<(index + 4)].elementsEqual([0x0D, 0x0A, 0x0D, 0x0A]) {
                let length = index + 4 - view.startIndex
                headBytes += length
                guard headBytes <= Self.maximumHeadBytes else { throw tooLong }
                guard let head = HTTPAnswerHead(view.prefix(length)) else { throw malformed }
                pending.moveReaderIndex(forwardBy: length)
                searched = 0
                return head
            }
            index += 1
        }
        searched = index - view.startIndex
        guard headBytes + pending.readableBytes <= Self.maximumHeadBytes else { throw tooLong }
        return nil
    }

    private func opened(_ head: HTTPAnswerHead) throws(WebSocketHandshakeError) -> Opened {
        guard !head.isHTTP10 else { throw malformed }
        let subprotocol = try WebSocketHandshake.checkAnswer(
            status: head.status, fields: head.fields, key: key, subprotocols: subprotocols)
        var fields = FieldBlock()
        fields.append(":status", "101")
        HopByHop.copy(
            from: head.fields, into: &fields,
            except: ["sec-websocket-accept", "sec-websocket-protocol", "sec-websocket-extensions", "content-length"])
        if let subprotocol { fields.append("sec-websocket-protocol", subprotocol.utf8) }
        let answers = try WebSocketHandshake.extensions(head.fields)
        let compression = try compression(answers)
        if compression == .passThrough, let answer = answers.first {
            fields.append("sec-websocket-extensions", answer.description.utf8)
        }
        return Opened(head: fields, subprotocol: subprotocol, compression: compression, rest: pending)
    }

    /// RFC 6455 §4.1: an extension "that was not present in the client's handshake" fails the connection.
    private func compression(
        _ answers: [WebSocketExtensionOffer]
    ) throws(WebSocketHandshakeError) -> WebSocketCompression {
        guard let answer = answers.first else { return .none }
        guard answers.count == 1, offer.elements.contains(where: { $0.name == answer.name }) else {
            throw WebSocketHandshakeError(
                httpStatus: 502, reason: "the back-end uses an extension that was not offered")
        }
        if case .passThrough = offer { return .passThrough }
        guard let agreed = WebSocketDeflateParameters(answer: answer) else {
            throw WebSocketHandshakeError(
                httpStatus: 502, reason: "the back-end answers permessage-deflate with parameters that were not offered"
            )
        }
        return .deflate(agreed)
    }

    private static func refused(_ head: HTTPAnswerHead, _ body: BoundedBody, _ result: BoundedBody.OnBytes) -> OnBytes {
        switch result {
        case .needsMore: return .needsMore
        case .whole, .isTooLong, .isBroken:
            var fields = FieldBlock()
            HopByHop.copy(from: head.fields, into: &fields, except: ["content-length", "sec-websocket-accept"])
            return .refused(
                HTTPAnswer(status: head.status, fields: fields, body: result == .whole ? body.bytes : ByteBuffer()))
        }
    }

    private var malformed: WebSocketHandshakeError {
        WebSocketHandshakeError(httpStatus: 502, reason: "the back-end's answer to the handshake is not valid HTTP/1.1")
    }

    private var tooLong: WebSocketHandshakeError {
        let reason = "the head of the back-end's answer is longer than \(Self.maximumHeadBytes) bytes"
        return WebSocketHandshakeError(httpStatus: 502, reason: reason)
    }
}
