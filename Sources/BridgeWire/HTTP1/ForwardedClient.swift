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
    private let host: FieldValue
    private let isTLS: Bool

    public init(client: String, host: FieldValue, isTLS: Bool) {
        self.client = client
        self.host = host
        self.isTLS = isTLS
    }

    private var scheme: StaticString { isTLS ? "https" : "http" }

    /// - Parameter request: its lists stay before what is ours; nil: ours alone.
    public func append(to fields: inout FieldBlock, keeping request: FieldBlock?) {
        appendList("x-forwarded-for", client.utf8, to: &fields, keeping: request)
        fields.append("x-forwarded-proto", scheme)
        if !host.isEmpty { fields.append("x-forwarded-host", host) }
        appendList("forwarded", element, to: &fields, keeping: request)
    }

    /// Behind the elements of the request's own list.
    private func appendList(
        _ name: StaticString, _ last: some Collection<UInt8>, to fields: inout FieldBlock, keeping request: FieldBlock?
    ) {
        guard let request, request.contains(name) else { return fields.append(name, last) }
        var list: [UInt8] = []
        for element in FieldTokens.elements(request, name) {
            list += element.utf8
            list += ", ".utf8
        }
        fields.append(name, list + last)
    }

    /// RFC 7239 §4: `forwarded-element = [ forwarded-pair ] *( ";" [ forwarded-pair ] )`.
    private var element: [UInt8] {
        var element: [UInt8] = []
        element.reserveCapacity(client.utf8.count + host.count + 64)
        element += "for=".utf8
        var client = client
        client.withUTF8 { bytes in
            // §6: "an IPv6 address is always enclosed in square brackets", and those are no token.
            if bytes.contains(UInt8(ascii: ":")) {
                element += "\"[".utf8
                element += bytes
                element += "]\"".utf8
            } else {
                Self.append(UnsafeRawBufferPointer(bytes), to: &element)
            }
        }
        if !host.isEmpty {
            element += ";host=".utf8
            host.withUnsafeBytes { Self.append($0, to: &element) }
        }
        element += isTLS ? ";proto=https".utf8 : ";proto=http".utf8
        return element
    }

    /// RFC 7239 §4: `value = token / quoted-string`; RFC 9110 §5.6.4: quotes and backslashes of a quoted string stand
    /// behind a backslash.
    private static func append(_ value: UnsafeRawBufferPointer, to element: inout [UInt8]) {
        guard !FieldTokens.isToken(value) else { return element += value }
        element.append(UInt8(ascii: "\""))
        for byte in value {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { element.append(UInt8(ascii: "\\")) }
            element.append(byte)
        }
        element.append(UInt8(ascii: "\""))
    }
}
