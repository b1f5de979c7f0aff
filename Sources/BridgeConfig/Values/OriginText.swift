// rtbridge: origins as browsers send them.
// SPDX-License-Identifier: Apache-2.0

enum OriginText {
    private static let example = #"Write for example "https://app.example.com"."#

    /// `*`, or `scheme://host[:port]` as in an Origin header (RFC 6454 §6.2: the ASCII serialization of an origin).
    static func parse(_ text: String) throws(Fault) -> String {
        if text == "*" { return text }
        if text == "null" {
            throw Fault(
                "is the origin of every sandboxed frame and local file",
                hint: "List the real origins, or \"*\" to take all.")
        }
        guard let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://"), isScheme(text[..<colon]) else {
            throw Fault("is no origin", hint: example)
        }
        let scheme = text[..<colon].lowercased()
        let authority = text[text.index(colon, offsetBy: 3)...]
        if let slash = authority.firstIndex(where: { "/?#".contains($0) }) {
            let isSlashAlone = authority[slash...] == "/"
            throw Fault(
                isSlashAlone ? "ends with a slash, which no browser sends" : "has a path in it",
                hint: "An origin is a scheme, a host and a port.", correction: quoted(String(text[..<slash])))
        }
        if authority.contains("*") {
            throw Fault("has a wildcard in it", hint: "List every origin, or \"*\" to take all.")
        }
        if authority.contains("@") { throw Fault("has a user in it", hint: example) }
        let port = try checkAuthority(String(authority))
        if let port, defaultPorts[scheme] == port {
            throw Fault(
                "has the default port in it, which browsers leave out",
                hint: "Write the scheme and the host alone.",
                correction: quoted(String(text[..<(text.lastIndex(of: ":") ?? text.endIndex)])))
        }
        return text.lowercased()
    }

    /// RFC 9110 §4.2.1 and §4.2.2.
    private static let defaultPorts = ["http": 80, "https": 443]

    /// The port, if there is one.
    private static func checkAuthority(_ authority: String) throws(Fault) -> Int? {
        let tail = authority.lastIndex(of: "]") ?? authority.startIndex
        if authority[tail...].contains(":") {
            switch try AddressText.parse(authority, ports: 1...65535, example: example) {
            case .host(_, let port): return port
            case .unix: return nil
            }
        }
        // The host is checked by the same rules, with a port that means nothing.
        _ = try AddressText.parse(authority + ":1", ports: 1...1, example: example)
        return nil
    }

    /// RFC 3986 §3.1: `scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )`.
    private static func isScheme(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, Ascii.isLetter(first) else { return false }
        return text.utf8.allSatisfy { Ascii.isAlphanumeric($0) || "+-.".utf8.contains($0) }
    }
}
