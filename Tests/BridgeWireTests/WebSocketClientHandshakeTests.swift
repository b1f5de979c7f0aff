// rtbridge: the opening handshake with a WebSocket back-end.
// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import BridgeWire

@Suite struct WebSocketClientHandshakeTests {
    /// The key and its answer of RFC 6455 §1.3.
    private static let key = "dGhlIHNhbXBsZSBub25jZQ=="
    private static let accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

    private static let answer = """
        HTTP/1.1 101 Switching Protocols\r
        Upgrade: WebSocket\r
        Connection: keep-alive, Upgrade\r
        Sec-WebSocket-Accept: \(accept)\r
        Sec-WebSocket-Protocol: chat\r
        Set-Cookie: a=1\r
        \r\n
        """

    private static func handshake(_ subprotocols: [String] = ["chat"]) -> WebSocketClientHandshake {
        WebSocketClientHandshake(key: key, subprotocols: subprotocols)
    }

    /// What a handshake makes of an answer in pieces, and of the connection's end if that is not enough.
    private static func feed(
        _ pieces: [[UInt8]], ends: Bool = false
    ) throws(WebSocketHandshakeError) -> WebSocketClientHandshake.OnBytes {
        var handshake = handshake()
        for (index, piece) in pieces.enumerated() {
            let result = try handshake.receive(ByteBuffer(bytes: piece))
            if case .opened(var opened) = result {
                for later in pieces[(index + 1)...] { opened.rest.writeBytes(later) }
                return .opened(opened)
            }
            if result != .needsMore { return result }
        }
        if ends, let answer = handshake.ended() { return .refused(answer) }
        return .needsMore
    }

    @Test func theRequestIsTheClientsWithTheHandshakesOwnFields() {
        let request = FieldBlock([
            ":method": "GET", ":scheme": "https", ":path": "/chat/a%20b?x=1", ":authority": "example.com:8443",
            "host": "example.com:8443", "upgrade": "websocket", "connection": "Upgrade, x-hop", "x-hop": "1",
            "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==", "sec-websocket-version": "13",
            "sec-websocket-protocol": "chat", "sec-websocket-extensions": "permessage-deflate",
            "cookie": "a=1", "cookie": "b=2", "origin": "https://example.com", "x-forwarded-for": "203.0.113.1",
            "x-odd": "one\r\nevil: 1",
        ])
        let bytes = Self.handshake().request(request, client: "198.51.100.7", host: "10.0.0.1:80")
        #expect(
            String(buffer: bytes) == """
                GET /chat/a%20b?x=1 HTTP/1.1\r
                Host: example.com:8443\r
                Upgrade: websocket\r
                Connection: Upgrade\r
                Sec-WebSocket-Version: 13\r
                Sec-WebSocket-Key: \(Self.key)\r
                Sec-WebSocket-Protocol: chat\r
                origin: https://example.com\r
                x-odd: one  evil: 1\r
                cookie: a=1; b=2\r
                x-forwarded-for: 203.0.113.1, 198.51.100.7\r
                x-forwarded-proto: https\r
                x-forwarded-host: example.com:8443\r
                forwarded: for=198.51.100.7;host="example.com:8443";proto=https\r
                \r\n
                """)
    }

    @Test func aPathWithBytesThatARequestLineCannotHaveIsEncoded() {
        let request = FieldBlock([":path": "/a b\r\nx: 1", ":authority": ""])
        let bytes = Self.handshake([]).request(request, client: "::1", host: "10.0.0.1:80")
        #expect(String(buffer: bytes).hasPrefix("GET /a%20b%0D%0Ax:%201 HTTP/1.1\r\nHost: 10.0.0.1:80\r\n"))
    }

    @Test(arguments: Cut.all)
    func anAnswerOpensWhereverItIsCut(_ cut: Cut) throws {
        let early = "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
        let bytes = Array((early + Self.answer).utf8) + [0x81, 0x01, 0x78]
        guard case .opened(let opened) = try Self.feed(cut.pieces(of: bytes)) else {
            Issue.record("not opened")
            return
        }
        #expect(opened.subprotocol == "chat")
        #expect(opened.rest == ByteBuffer(bytes: [0x81, 0x01, 0x78]))
        #expect(
            opened.head == FieldBlock([":status": "101", "set-cookie": "a=1", "sec-websocket-protocol": "chat"]))
    }

    static let refusals: [(String, String)] = [
        ("HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\nX: y\r\n\r\nno!", "no!"),
        ("HTTP/1.1 403\r\ncontent-length: 3, 3\r\nX: y\r\n\r\nno!", "no!"),
        ("HTTP/1.1 403 \r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n2 ;e=\"x\"\r\nno\r\n1\r\n!\r\n0\r\n\r\n", "no!"),
        ("HTTP/1.1 403 x\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n3\r\nno!\r\n0\r\nt: 1\r\nu: 2\r\n\r\n", "no!"),
        ("HTTP/1.0 403 x\r\nX: y\r\n\r\nno!", "no!"),
        ("HTTP/1.1 403 x\r\nTransfer-Encoding: gzip\r\nX: y\r\n\r\nno!", "no!"),
        ("HTTP/1.1 204 x\r\nX: y\r\n\r\n", ""),
        ("HTTP/1.1 403 x\r\nContent-Length: 70000\r\nX: y\r\n\r\n", ""),
        ("HTTP/1.1 403 x\r\nContent-Length: 9\r\nX: y\r\n\r\nno!", ""),
        ("HTTP/1.1 403 x\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\nzz\r\n", ""),
    ]

    @Test(arguments: refusals, Cut.all)
    func aRefusalIsReadInEveryFraming(_ refusal: (text: String, body: String), _ cut: Cut) throws {
        guard case .refused(let answer) = try Self.feed(cut.pieces(of: Array(refusal.text.utf8)), ends: true) else {
            Issue.record("not refused: \(refusal.text)")
            return
        }
        #expect(answer.status == (refusal.text.contains("204") ? 204 : 403))
        #expect(answer.body == ByteBuffer(string: refusal.body))
        #expect(answer.fields == FieldBlock(["x": "y"]))
    }

    @Test(arguments: [
        "SSH-2.0-x\r\n\r\n", "HTTP/2 101 x\r\n\r\n", "HTTP/1.1 99 x\r\n\r\n", "HTTP/1.1 1010\r\n\r\n",
        "HTTP/1.1 200 x\r\nno colon\r\n\r\n", "HTTP/1.1 200 x\r\nna me: x\r\n\r\n",
        "HTTP/1.1 200 x\r\na: b\r\n fold\r\n\r\n",
        "HTTP/1.1 200 x\r\na : b\r\n\r\n", "HTTP/1.1 200 x\r\na: b\nc: d\r\n\r\n", "HTTP/1.1 200 x\r\na: \0\r\n\r\n",
        "HTTP/1.1 200 x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        "HTTP/1.1 200 x\r\ncontent-length: -1\r\n\r\n",
        "HTTP/1.1 200 x\r\ncontent-length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 x\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
    ])
    func whatIsNoAnswerIsRefused(_ text: String) {
        #expect(throws: WebSocketHandshakeError.self) { try Self.feed([Array(text.utf8)]) }
        #expect(throws: WebSocketHandshakeError.self) { try Self.feed(text.utf8.map { [$0] }) }
    }

    private static func answer(extensions: String, to offer: WebSocketClientHandshake.Offer) throws
        -> WebSocketCompression?
    {
        var handshake = WebSocketClientHandshake(key: key, subprotocols: ["chat"], offer: offer)
        let text = answer.replacing("Set-Cookie: a=1", with: "Sec-WebSocket-Extensions: \(extensions)")
        guard case .opened(let opened) = try handshake.receive(ByteBuffer(string: text)) else { return nil }
        #expect(
            opened.head.string("sec-websocket-extensions") == (opened.compression == .passThrough ? extensions : nil))
        return opened.compression
    }

    @Test func extensionsAreWhatWasOffered() throws {
        let client = [WebSocketExtensionOffer(name: "permessage-deflate"), WebSocketExtensionOffer(name: "x")]
        for offer in [WebSocketClientHandshake.Offer.none, .passThrough([]), .passThrough([client[1]])] {
            #expect(throws: WebSocketHandshakeError.self) {
                try Self.answer(extensions: "permessage-deflate", to: offer)
            }
        }
        #expect(try Self.answer(extensions: "", to: .deflate) == WebSocketCompression.none)
        #expect(
            try Self.answer(extensions: "permessage-deflate", to: .deflate) == .deflate(WebSocketDeflateParameters()))
        #expect(
            try Self.answer(extensions: "permessage-deflate; whatever=1", to: .passThrough(client)) == .passThrough)
        for wrong in ["permessage-deflate; x", "x", "permessage-deflate, permessage-deflate"] {
            #expect(throws: WebSocketHandshakeError.self) { try Self.answer(extensions: wrong, to: .deflate) }
        }
    }

    @Test func aHeadThatDoesNotEndIsGivenUp() throws {
        var handshake = Self.handshake()
        var count = 0
        #expect(throws: WebSocketHandshakeError.self) {
            while count < 1 << 20 {
                count += 100
                _ = try handshake.receive(ByteBuffer(repeating: 0x78, count: 100))
            }
        }
        #expect(count <= WebSocketClientHandshake.maximumHeadBytes + 100)
        // Nor may early hints go on for ever.
        handshake = Self.handshake()
        let hint = ByteBuffer(string: "HTTP/1.1 103 x\r\nlink: x\r\n\r\n")
        #expect(throws: WebSocketHandshakeError.self) {
            for _ in 0..<10_000 { _ = try handshake.receive(hint) }
        }
    }

    @Test func aChunkedBodyThatDoesNotEndIsLeftOut() throws {
        var handshake = Self.handshake()
        _ = try handshake.receive(ByteBuffer(string: "HTTP/1.1 500 x\r\ntransfer-encoding: chunked\r\n\r\n"))
        let chunk = ByteBuffer(string: "400\r\n" + String(repeating: "x", count: 1024) + "\r\n")
        for _ in 0..<64 { #expect(try handshake.receive(chunk) == .needsMore) }
        let empty = HTTPAnswer(status: 500, fields: FieldBlock(), body: ByteBuffer())
        #expect(try handshake.receive(chunk) == .refused(empty))
    }

    // MARK: Ends and frames

    @Test(arguments: [
        WebSocketClose(nil), WebSocketClose(.normalClosure), WebSocketClose(.init(rawValue: 4321), "grüße, \r\n"),
    ])
    func aCloseIsTheSameAfterItWasTrailers(_ close: WebSocketClose) {
        #expect(WebSocketClose(trailers: close.trailers) == close)
    }

    @Test func otherTrailersAreNoClose() {
        #expect(WebSocketClose(trailers: nil) == nil)
        #expect(WebSocketClose(trailers: FieldBlock(["grpc-status": "0"])) == nil)
    }

    @Test(arguments: [0, 1, 125, 126, 65535, 65536])
    func aFramesPayloadIsHadBack(_ count: Int) {
        let payload = ByteBuffer(bytes: (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) })
        var frame = ByteBuffer()
        WebSocketEncoder.writeFrame(opcode: .text, fin: false, payload: payload, maskKey: 0x1234_5678, into: &frame)
        #expect(WebSocketEncoder.payload(of: frame) == payload)
    }

    @Test func masksAreNotToldInAdvance() {
        var keys = WebSocketMaskKeys()
        #expect(Set((0..<1000).map { _ in keys.next() }).count > 990)
    }
}
