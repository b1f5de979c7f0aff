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
        appendList("x-forwarded-for", to: &fields, keeping: request, upTo: client.utf8.count) { $0.write(text: client) }
        fields.append("x-forwarded-proto", scheme)
        if !host.isEmpty { fields.append("x-forwarded-host", host) }
        // Each byte of a quoted string may have a backslash before it.
        let count = 2 * (client.utf8.count + host.count) + 64
        appendList("forwarded", to: &fields, keeping: request, upTo: count, writeElement)
    }

    /// Behind the elements of the request's own list.
    private func appendList(
        _ name: StaticString, to fields: inout FieldBlock, keeping request: FieldBlock?, upTo count: Int,
        _ write: (inout HTTP1Cursor) -> Void
    ) {
        let earlier = request.map { FieldTokens.elements($0, name) } ?? []
        fields.append(name, upTo: earlier.reduce(count) { $0 + $1.utf8.count + 2 }) { cursor in
            for element in earlier {
                cursor.write(text: element)
                cursor.write(", ")
            }
            write(&cursor)
        }
    }

    /// RFC 7239 §4: `forwarded-element = [ forwarded-pair ] *( ";" [ forwarded-pair ] )`.
    private func writeElement(_ cursor: inout HTTP1Cursor) {
        cursor.write("for=")
        var client = client
        client.withUTF8 { bytes in
            // §6: "an IPv6 address is always enclosed in square brackets", and those are no token.
            if bytes.contains(UInt8(ascii: ":")) {
                cursor.write("\"[")
                cursor.write(UnsafeRawBufferPointer(bytes))
                cursor.write("]\"")
            } else {
                Self.write(UnsafeRawBufferPointer(bytes), &cursor)
            }
        }
        if !host.isEmpty {
            cursor.write(";host=")
            host.withUnsafeBytes { Self.write($0, &cursor) }
        }
        cursor.write(";proto=")
        cursor.write(scheme)
    }

    /// RFC 7239 §4: `value = token / quoted-string`; RFC 9110 §5.6.4: quotes and backslashes of a quoted string stand
    /// behind a backslash.
    private static func write(_ value: UnsafeRawBufferPointer, _ cursor: inout HTTP1Cursor) {
        guard !FieldTokens.isToken(value) else { return cursor.write(value) }
        cursor.write("\"")
        let isPlain =
            FieldBytes.firstIndex(of: UInt8(ascii: "\""), in: value) == nil
            && FieldBytes.firstIndex(of: UInt8(ascii: "\\"), in: value) == nil
        if isPlain {
            cursor.write(value)
        } else {
            for byte in value {
                if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { cursor.write("\\") }
                withUnsafeBytes(of: byte) { cursor.write($0) }
            }
        }
        cursor.write("\"")
    }
}
