// rtbridge: the opening handshake of WebSocket.
// SPDX-License-Identifier: Apache-2.0
import COpenSSL

/// The rules of the opening handshake (RFC 6455 §4), for both sides.
public enum WebSocketHandshake {
    /// RFC 6455 §1.3.
    static let guid: StaticString = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

    /// The value of `Sec-WebSocket-Accept`: base64 of SHA-1 of the key, as it was sent, and the GUID (RFC 6455 §4.2.2).
    public static func accept(key: some Collection<UInt8>) -> String {
        COpenSSL_start()
        var input = [UInt8](key)
        guid.withUTF8Buffer { input.append(contentsOf: $0) }
        var digest = [UInt8](repeating: 0, count: 20)
        let isDone = EVP_Digest(input, input.count, &digest, nil, EVP_sha1(), nil)
        precondition(isDone == 1, "libcrypto computes no SHA-1: the WebSocket handshake needs it (RFC 6455 §4.2.2)")
        return digest.withUnsafeBytes { Base64Encoder.string($0) }
    }

    /// A cheap look: whether an HTTP/1.1 request asks for a WebSocket. Whether it asks well is ``parse(method:fields:)``.
    public static func isUpgrade(_ fields: FieldBlock) -> Bool {
        fields.contains("upgrade") && FieldTokens.contains(fields, "upgrade", token: "websocket")
    }

    /// The same over HTTP/2: `:protocol` is `websocket` (RFC 8441 §5; the names of the Upgrade Token Registry know no case,
    /// RFC 9110 §16.7).
    public static func isExtendedConnect(_ fields: FieldBlock) -> Bool {
        FieldTokens.contains(fields, ":protocol", token: "websocket")
    }

    /// Checks an HTTP/1.1 request (RFC 6455 §4.2.1). `Host` is the HTTP layer's to demand (RFC 9112 §3.2).
    ///
    /// - Parameter fields: the request's fields, names in lower case.
    /// - Throws: ``WebSocketHandshakeError`` with what is wrong.
    public static func parse(method: String, fields: FieldBlock) throws(WebSocketHandshakeError) -> WebSocketUpgrade {
        guard method == "GET" else { throw .badRequest("a WebSocket handshake is a GET, not \(method.prefix(16))") }
        guard FieldTokens.contains(fields, "upgrade", token: "websocket") else {
            throw .badRequest("Upgrade does not name websocket")
        }
        guard FieldTokens.contains(fields, "connection", token: "upgrade") else {
            throw .badRequest("Connection does not name upgrade")
        }
        try checkVersion(fields)
        let keys = FieldTokens.elements(fields, "sec-websocket-key")
        guard keys.count == 1 else { throw .badRequest("there is not exactly one Sec-WebSocket-Key") }
        guard isKey(keys[0].utf8) else { throw .badRequest("Sec-WebSocket-Key is not 16 bytes in base64") }
        return try upgrade(key: keys[0], fields: fields)
    }

    /// Checks an extended CONNECT whose `:protocol` is `websocket` (RFC 8441 §5): no key, no `Upgrade`, no `Connection`.
    public static func parseExtendedConnect(_ fields: FieldBlock) throws(WebSocketHandshakeError) -> WebSocketUpgrade {
        try checkVersion(fields)
        return try upgrade(key: nil, fields: fields)
    }

    /// RFC 6455 §4.2.1: "A |Sec-WebSocket-Version| header field, with a value of 13."
    private static func checkVersion(_ fields: FieldBlock) throws(WebSocketHandshakeError) {
        let versions = FieldTokens.elements(fields, "sec-websocket-version")
        guard !versions.isEmpty else { throw .badRequest("Sec-WebSocket-Version is missing") }
        guard versions == [WebSocketHandshakeError.supportedVersion] else {
            throw WebSocketHandshakeError(
                httpStatus: 426,
                reason: "this server speaks Sec-WebSocket-Version: \(WebSocketHandshakeError.supportedVersion) alone")
        }
    }

    private static func upgrade(key: String?, fields: FieldBlock) throws(WebSocketHandshakeError) -> WebSocketUpgrade {
        let subprotocols = FieldTokens.elements(fields, "sec-websocket-protocol")
        guard subprotocols.allSatisfy({ FieldTokens.isToken($0.utf8) }) else {
            throw .badRequest("Sec-WebSocket-Protocol is not a list of tokens")
        }
        return WebSocketUpgrade(key: key, subprotocols: subprotocols, extensions: try extensions(fields))
    }

    /// The extensions that are offered or, in a server's answer, agreed upon.
    public static func extensions(_ fields: FieldBlock) throws(WebSocketHandshakeError) -> [WebSocketExtensionOffer] {
        var offers: [WebSocketExtensionOffer] = []
        for element in FieldTokens.elements(fields, "sec-websocket-extensions") {
            guard let offer = WebSocketExtensionOffer(element) else {
                throw .badRequest("Sec-WebSocket-Extensions is malformed")
            }
            offers.append(offer)
        }
        return offers
    }

    /// RFC 6455 §4.1: "a randomly selected 16-byte value that has been base64-encoded": 22 characters, then `==`.
    static func isKey(_ bytes: some Collection<UInt8>) -> Bool {
        guard bytes.count == 24, bytes.suffix(2).elementsEqual("==".utf8) else { return false }
        return bytes.prefix(22).allSatisfy { Base64Decoder.value(of: $0) != nil }
    }
}

// MARK: - The client's side

extension WebSocketHandshake {
    /// A `Sec-WebSocket-Key` of 16 random bytes.
    public static func key(random: (UInt64, UInt64)) -> String {
        withUnsafeBytes(of: random) { Base64Encoder.string($0) }
    }

    /// Checks a server's answer to a request with `key` that offered `subprotocols` (RFC 6455 §4.1). Extensions are for
    /// whoever offered some.
    ///
    /// - Returns: the subprotocol that the server chose.
    /// - Throws: ``WebSocketHandshakeError`` whose status is the one that the server sent.
    public static func checkAnswer(
        status: Int, fields: FieldBlock, key: String, subprotocols: [String]
    ) throws(WebSocketHandshakeError) -> String? {
        func refusal(_ reason: String) -> WebSocketHandshakeError {
            WebSocketHandshakeError(httpStatus: status, reason: reason)
        }
        guard status == 101 else { throw refusal("the back-end answered \(status), not 101") }
        guard FieldTokens.contains(fields, "upgrade", token: "websocket") else {
            throw refusal("the back-end's Upgrade does not name websocket")
        }
        guard FieldTokens.contains(fields, "connection", token: "upgrade") else {
            throw refusal("the back-end's Connection does not name upgrade")
        }
        guard FieldTokens.elements(fields, "sec-websocket-accept") == [accept(key: key.utf8)] else {
            throw refusal("the back-end's Sec-WebSocket-Accept does not fit the key")
        }
        let chosen = FieldTokens.elements(fields, "sec-websocket-protocol")
        guard chosen.count <= 1, chosen.allSatisfy(subprotocols.contains) else {
            throw refusal("the back-end chose a subprotocol that was not offered")
        }
        return chosen.first
    }
}
