// rtbridge: tests of the opening handshake.
// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import BridgeWire

@Suite struct WebSocketHandshakeTests {
    /// The request of RFC 6455 §1.2, with changes: `nil` takes a field out.
    private func request(_ changes: [String: [String]?] = [:]) -> FieldBlock {
        let fields: [(String, String)] = [
            ("host", "server.example.com"), ("upgrade", "websocket"), ("connection", "Upgrade"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="), ("origin", "http://example.com"),
            ("sec-websocket-protocol", "chat, superchat"), ("sec-websocket-version", "13"),
        ]
        var block = FieldBlock()
        for (name, value) in fields where changes[name] == nil { block.append(name, value) }
        for (name, values) in changes { for value in values ?? [] { block.append(name, value) } }
        return block
    }

    private func refusal(_ fields: FieldBlock, method: String = "GET") -> WebSocketHandshakeError? {
        do throws(WebSocketHandshakeError) {
            _ = try WebSocketHandshake.parse(method: method, fields: fields)
            return nil
        } catch {
            return error
        }
    }

    @Test func theExampleOfTheRFCIsAccepted() throws {
        // RFC 6455 §1.3.
        let upgrade = try WebSocketHandshake.parse(method: "GET", fields: request())
        #expect(upgrade.key == "dGhlIHNhbXBsZSBub25jZQ==")
        #expect(upgrade.accept == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        #expect(upgrade.subprotocols == ["chat", "superchat"])
        #expect(upgrade.extensions == [])
    }

    @Test func anUpgradeIsSeenAtALook() {
        #expect(WebSocketHandshake.isUpgrade(request()))
        #expect(WebSocketHandshake.isUpgrade(request(["upgrade": ["h2c, WebSocket"]])))
        #expect(!WebSocketHandshake.isUpgrade(request(["upgrade": ["h2c"]])))
        #expect(!WebSocketHandshake.isUpgrade(request(["upgrade": ["websockets"]])))
        #expect(!WebSocketHandshake.isUpgrade(request(["upgrade": nil])))
    }

    @Test(arguments: [
        ("upgrade", ["WEBSOCKET"]), ("upgrade", ["foo", "bar,\twebsocket"]), ("connection", ["keep-alive, Upgrade"]),
        ("connection", ["keep-alive", " ,, UPGRADE ,"]),
    ])
    func tokensAreFoundInAnyCaseAndPlace(name: String, values: [String]) {
        #expect(refusal(request([name: values])) == nil)
    }

    @Test(
        arguments: [
            ("upgrade", nil), ("upgrade", ["websocket2"]), ("connection", nil), ("connection", ["close"]),
            ("connection", ["\"a, upgrade\""]),
            ("sec-websocket-key", nil), ("sec-websocket-key", [""]), ("sec-websocket-key", ["dGhlIHNhbXBsZSBub25jZQ"]),
            ("sec-websocket-key", ["dGhlIHNhbXBsZSBub25jZSE="]), ("sec-websocket-key", ["dGhlIHNhbXBsZSBub25j!Q=="]),
            ("sec-websocket-key", ["dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=="]),
            ("sec-websocket-key", ["dGhlIHNhbXBsZSBub25jZQ==, dGhlIHNhbXBsZSBub25jZQ=="]),
            ("sec-websocket-version", nil), ("sec-websocket-protocol", ["a b"]),
            ("sec-websocket-protocol", ["chat", "sup\"er"]),
            ("sec-websocket-extensions", ["a; =1"]), ("sec-websocket-extensions", ["a b"]),
            ("sec-websocket-extensions", ["a; b=\"c"]),
        ] as [(String, [String]?)])
    func whatIsMissingOrMalformedIsABadRequest(name: String, values: [String]?) {
        #expect(refusal(request([name: values]))?.httpStatus == 400)
    }

    @Test(arguments: ["8", "14", "13, 8", "013", "thirteen"])
    func anotherVersionIsToldTheRightOne(version: String) {
        // RFC 6455 §4.4.
        let error = refusal(request(["sec-websocket-version": [version]]))
        #expect(error?.httpStatus == 426)
        #expect(error?.reason.contains("Sec-WebSocket-Version: 13") == true)
    }

    @Test func anotherMethodIsABadRequest() {
        #expect(refusal(request(), method: "POST")?.httpStatus == 400)
        #expect(refusal(request(), method: "get")?.httpStatus == 400)
    }

    @Test func subprotocolsAreOneListInTheirOrder() throws {
        let fields = request(["sec-websocket-protocol": ["mqtt ,binary", "base64"]])
        #expect(
            try WebSocketHandshake.parse(method: "GET", fields: fields).subprotocols == ["mqtt", "binary", "base64"])
        let none = try WebSocketHandshake.parse(method: "GET", fields: request(["sec-websocket-protocol": nil]))
        #expect(none.subprotocols == [])
    }

    @Test func extensionsAreReadWithTheirParameters() throws {
        // RFC 6455 §9.1 and RFC 7692 §7.1.
        let values = [
            "permessage-deflate; client_max_window_bits; server_max_window_bits=10 , permessage-deflate",
            "bar; baz=\"2\";q=\"\\3\"",
        ]
        let offers = try WebSocketHandshake.parse(
            method: "GET", fields: request(["sec-websocket-extensions": values])
        ).extensions
        #expect(
            offers == [
                WebSocketExtensionOffer(
                    name: "permessage-deflate",
                    parameters: [
                        .init(name: "client_max_window_bits"), .init(name: "server_max_window_bits", value: "10"),
                    ]),
                WebSocketExtensionOffer(name: "permessage-deflate"),
                WebSocketExtensionOffer(
                    name: "bar", parameters: [.init(name: "baz", value: "2"), .init(name: "q", value: "3")]),
            ])
        #expect(offers[0].description == "permessage-deflate; client_max_window_bits; server_max_window_bits=10")
        #expect(try offers.map { try #require(WebSocketExtensionOffer($0.description)) } == offers)
    }

    @Test func anExtendedConnectNeedsNoKey() throws {
        // RFC 8441 §5: "The |Sec-WebSocket-Key| and |Sec-WebSocket-Accept| header fields are not used".
        let fields = FieldBlock([
            ":method": "CONNECT", ":protocol": "websocket", "sec-websocket-version": "13",
            "sec-websocket-protocol": "chat",
        ])
        let upgrade = try WebSocketHandshake.parseExtendedConnect(fields)
        #expect(upgrade == WebSocketUpgrade(key: nil, subprotocols: ["chat"], extensions: []))
        #expect(upgrade.accept == nil)
        #expect(throws: WebSocketHandshakeError.self) { try WebSocketHandshake.parseExtendedConnect(FieldBlock()) }
    }

    // MARK: The client's side

    private func answer(_ changes: [String: String?] = [:]) -> FieldBlock {
        let fields = [
            ("upgrade", "websocket"), ("connection", "Upgrade"),
            ("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
        ]
        var block = FieldBlock()
        for (name, value) in fields where changes[name] == nil { block.append(name, value) }
        for (name, value) in changes { if let value { block.append(name, value) } }
        return block
    }

    private func check(_ fields: FieldBlock, status: Int = 101) -> Result<String?, WebSocketHandshakeError> {
        Result { () throws(WebSocketHandshakeError) in
            try WebSocketHandshake.checkAnswer(
                status: status, fields: fields, key: "dGhlIHNhbXBsZSBub25jZQ==", subprotocols: ["chat", "superchat"])
        }
    }

    @Test func aKeyIsSixteenBytesInBase64() {
        #expect(WebSocketHandshake.key(random: (0, 0)) == "AAAAAAAAAAAAAAAAAAAAAA==")
        #expect(WebSocketHandshake.isKey(WebSocketHandshake.key(random: (.max, 1)).utf8))
    }

    @Test func aGoodAnswerTellsTheSubprotocol() {
        #expect(check(answer()) == .success(nil))
        #expect(check(answer(["sec-websocket-protocol": "superchat"])) == .success("superchat"))
    }

    @Test(
        arguments: [
            ["upgrade": nil], ["upgrade": "h2c"], ["connection": nil], ["connection": "close"],
            ["sec-websocket-accept": nil],
            ["sec-websocket-accept": "S3pPLMBiTxaQ9kYGzzhZRbK+xOo="], ["sec-websocket-protocol": "other"],
            ["sec-websocket-protocol": "chat, superchat"],
        ] as [[String: String?]])
    func aBadAnswerIsRefused(changes: [String: String?]) {
        guard case .failure(let error) = check(answer(changes)) else {
            Issue.record("\(changes) was accepted")
            return
        }
        #expect(error.httpStatus == 101)
    }

    @Test func anotherStatusIsRefusedAndTold() {
        guard case .failure(let error) = check(answer(), status: 503) else {
            Issue.record("503 was accepted")
            return
        }
        #expect(error.httpStatus == 503)
    }
}
