// rtbridge: what requests are matched by, as text.
// SPDX-License-Identifier: Apache-2.0

enum MatchText {
    /// A path without a query, as it stands in a request line (RFC 3986 §3.3: `path-absolute`).
    static func path(_ text: String) throws(Fault) -> String {
        guard text.hasPrefix("/") else {
            throw Fault("does not begin with /", hint: "Paths begin with /.", correction: quoted("/" + text))
        }
        guard !text.contains(where: { "?#".contains($0) }) else {
            throw Fault("has a query or fragment in it", hint: "Write the path alone.")
        }
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%") {
                guard rest.count >= 2, rest.prefix(2).allSatisfy(Ascii.isHexDigit) else {
                    throw Fault("has a % that no two hexadecimal digits follow", hint: "Write %25 for a % sign.")
                }
            } else if byte == UInt8(ascii: " ") || byte >= 0x80 || "\"<>\\^`{|}".utf8.contains(byte) {
                throw Fault("has a character in it that no path has", hint: "Write it percent-encoded, as in %20.")
            }
        }
        return text
    }

    /// A name, `*.suffix`, or an IP address; in lower case, for hosts know no case (RFC 3986 §3.2.2).
    static func host(_ text: String) throws(Fault) -> Match.Host {
        let example = #"Write for example "api.example.com" or "*.example.com"."#
        if text.hasPrefix("[") || SystemAddress.isIPv6(text) {
            let address = text.hasPrefix("[") && text.hasSuffix("]") ? String(text.dropFirst().dropLast()) : text
            guard SystemAddress.isIPv6(address) else { throw Fault("is no IPv6 address", hint: #"Write "[::1]"."#) }
            return .exact("[\(address.lowercased())]")
        }
        if text == "*" || text.isEmpty { throw Fault("matches nothing in particular", hint: "Leave the key out.") }
        if text.contains("://") { throw Fault("is a URL", hint: example) }
        if text.contains(":") {
            throw Fault("has a port in it", hint: "A host is matched without its port. " + example)
        }
        let isSuffix = text.hasPrefix("*.")
        let name = isSuffix ? String(text.dropFirst(2)) : text
        if name.contains("*") {
            throw Fault("has a wildcard that is not the first part", hint: example)
        }
        try AddressText.checkHost(name)
        return isSuffix ? .suffix("." + name.lowercased()) : .exact(name.lowercased())
    }

    /// A name that a certificate is for, or `*.suffix`; in lower case.
    static func serverName(_ text: String) throws(Fault) -> String {
        switch try host(text) {
        case .exact(let name): name
        case .suffix(let name): "*" + name
        }
    }

    /// A DNS name or an IP address, v6 without brackets.
    static func hostOrAddress(_ text: String) throws(Fault) -> String {
        if SystemAddress.isIPv6(text), !text.contains("%") { return text.lowercased() }
        try AddressText.checkHost(text)
        return text.lowercased()
    }

    /// A full gRPC service name: identifiers with dots between them (Protocol Buffers language, `fullIdent`).
    static func service(_ text: String) throws(Fault) -> String {
        let example = #"Write for example "helloworld.Greeter"."#
        if text.contains("/") {
            throw Fault("has a / in it", hint: example + " The method has a key of its own.")
        }
        for part in text.split(separator: ".", omittingEmptySubsequences: false) where !isIdentifier(part) {
            throw Fault("is no full name of a gRPC service", hint: example)
        }
        return text
    }

    /// The method of a service; nil for `*`, which is all.
    static func method(_ text: String) throws(Fault) -> String {
        guard text == "*" || isIdentifier(text[...]) else {
            throw Fault("is no name of a gRPC method", hint: #"Write for example "SayHello", or "*" for all."#)
        }
        return text
    }

    /// In lower case, as HTTP/2 sends it (RFC 9113 §8.2).
    static func fieldName(_ text: String) throws(Fault) -> String {
        guard Ascii.isToken(text) else {
            throw Fault("is no name of a header field", hint: #"Write for example "x-tenant"."#)
        }
        return text.lowercased()
    }

    /// RFC 6455 §4.1: subprotocols are tokens.
    static func subprotocol(_ text: String) throws(Fault) -> String {
        guard Ascii.isToken(text) else {
            throw Fault("is no name of a subprotocol", hint: #"Write for example "binary" or "mqtt"."#)
        }
        return text
    }

    private static func isIdentifier(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, !Ascii.isDigit(first) else { return false }
        return text.utf8.allSatisfy { Ascii.isAlphanumeric($0) || $0 == UInt8(ascii: "_") }
    }
}
