// rtbridge: what a back-end is told of the client's connection.
// SPDX-License-Identifier: Apache-2.0

/// `Forwarded` (RFC 7239) and the `X-Forwarded-*` fields that came before it and are still what most servers read.
///
/// Anybody may send such fields, so what came with the request is a claim. In the lists (`Forwarded`, `X-Forwarded-For`)
/// the last element is the bridge's own; the fields with one value (`X-Forwarded-Proto`, `X-Forwarded-Host`) are always
/// the bridge's.
public struct ForwardedClient {
    /// The client's address, without a port.
    private let client: String
    private let host: [UInt8]
    private let isTLS: Bool

    public init(client: String, host: some Collection<UInt8>, isTLS: Bool) {
        self.client = client
        self.host = Array(host)
        self.isTLS = isTLS
    }

    private var scheme: String { isTLS ? "https" : "http" }

    /// - Parameter request: its lists stay before what is ours; nil: ours alone.
    public func append(to fields: inout FieldBlock, keeping request: FieldBlock?) {
        let earlier = request.map { FieldTokens.elements($0, "x-forwarded-for") } ?? []
        fields.append("x-forwarded-for", (earlier + [client]).joined(separator: ", ").utf8)
        fields.append("x-forwarded-proto", scheme.utf8)
        if !host.isEmpty { fields.append("x-forwarded-host", host) }
        let forwarded = request.map { FieldTokens.elements($0, "forwarded") } ?? []
        fields.append("forwarded", (forwarded + [element]).joined(separator: ", ").utf8)
    }

    /// RFC 7239 §4: `forwarded-element = [ forwarded-pair ] *( ";" [ forwarded-pair ] )`.
    private var element: String {
        // §6: "an IPv6 address is always enclosed in square brackets", and those are no token.
        let node = client.contains(":") ? "[\(client)]" : client
        var element = "for=\(Self.value(node.utf8))"
        if !host.isEmpty { element += ";host=\(Self.value(host))" }
        return element + ";proto=\(scheme)"
    }

    /// RFC 7239 §4: `value = token / quoted-string`.
    private static func value(_ bytes: some Collection<UInt8>) -> String {
        let text = String(decoding: bytes, as: UTF8.self)
        if FieldTokens.isToken(bytes) { return text }
        return "\"" + text.replacingQuotes + "\""
    }
}

extension String {
    /// RFC 9110 §5.6.4: quotes and backslashes of a quoted string stand behind a backslash.
    fileprivate var replacingQuotes: String {
        var text = ""
        for character in self {
            if character == "\"" || character == "\\" { text.append("\\") }
            text.append(character)
        }
        return text
    }
}
