// rtbridge: addresses as text: "0.0.0.0:8443", "[::]:8443", "greeter.internal:50051".
// SPDX-License-Identifier: Apache-2.0

enum AddressText {
    static let listenerExample = #"Write for example "0.0.0.0:8443" or "[::]:8443"."#
    static let endpointExample = #"Write for example "10.0.0.11:50051"."#

    /// Where something listens: port 0 lets the system choose.
    static func listener(_ text: String) throws(Fault) -> Address {
        if let unix = try unix(text) { return unix }
        try refuseURL(text)
        return try parse(text, ports: 0...65535, example: listenerExample)
    }

    /// What is dialled.
    static func endpoint(_ text: String) throws(Fault) -> Address {
        if let unix = try unix(text) { return unix }
        try refuseURL(text)
        return try parse(text, ports: 1...65535, example: endpointExample)
    }

    /// unix(7): a socket's path has 108 bytes, of which the last one is zero.
    private static let maximumPath = 107

    /// `unix:/run/service.sock`; nil for what is no Unix socket.
    static func unix(_ text: String) throws(Fault) -> Address? {
        guard text.hasPrefix("unix:") else { return nil }
        let path = text.dropFirst("unix:".count)
        let example = #"Write for example "unix:/run/service.sock"."#
        guard path.hasPrefix("/") else { throw Fault("has no absolute path", hint: example) }
        guard !path.hasSuffix("/") else { throw Fault("names no file", hint: example) }
        guard path.utf8.count <= maximumPath else {
            throw Fault("has a path of more than \(maximumPath) bytes, which no Unix socket can have")
        }
        return .unix(String(path))
    }

    private static func refuseURL(_ text: String) throws(Fault) {
        if text.contains("://") {
            throw Fault("is a URL", hint: "Write the host and the port alone, without a scheme.")
        }
    }

    /// `host:port` or `[v6]:port` (RFC 3986 §3.2.2 and §3.2.3).
    static func parse(_ text: String, ports: ClosedRange<Int>, example: String) throws(Fault) -> Address {
        let host: Substring
        let rest: Substring
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else {
                throw Fault("has a [ that is not closed", hint: #"Write for example "[::1]:8443"."#)
            }
            host = text[text.index(after: text.startIndex)..<end]
            rest = text[text.index(after: end)...]
            guard SystemAddress.isIPv6(String(host)) else { throw Fault("has no IPv6 address in its brackets") }
        } else {
            if SystemAddress.isIPv6(text) {
                throw Fault(
                    "is an IPv6 address without brackets and port", hint: #"Write for example "[::1]:8443"."#)
            }
            let colon = text.lastIndex(of: ":") ?? text.endIndex
            host = text[..<colon]
            rest = text[colon...]
            if text.isEmpty { throw Fault("is no address", hint: example) }
            if rest.isEmpty, host.utf8.allSatisfy(Ascii.isDigit) {
                throw Fault("is a port without a host", hint: example)
            }
            if host.isEmpty || host == "*", !rest.isEmpty { throw Fault("has no host", hint: example) }
            if host.contains(":") {
                throw Fault("has several colons", hint: #"Put an IPv6 address in brackets: "[::1]:8443"."#)
            }
            try checkHost(String(host))
        }
        guard rest.hasPrefix(":"), rest.count > 1 else { throw Fault("has no port", hint: example) }
        let digits = rest.dropFirst()
        guard digits.utf8.allSatisfy(Ascii.isDigit), digits == "0" || !digits.hasPrefix("0") else {
            throw Fault("has a port that is no number", hint: example)
        }
        guard digits.utf8.count <= 5, let port = Int(digits), ports.contains(port) else {
            throw Fault("has a port outside \(ports.lowerBound)...\(ports.upperBound)")
        }
        return .host(host.lowercased(), port: port)
    }

    /// An IPv4 address or a name (RFC 1123 §2.1, RFC 1035 §2.3.4: labels of at most 63, names of at most 255 octets;
    /// underscores as in container networks).
    static func checkHost(_ host: String) throws(Fault) {
        let bytes = host.utf8
        guard bytes.count <= 253, bytes.allSatisfy({ Ascii.isAlphanumeric($0) || "-._".utf8.contains($0) }) else {
            throw Fault(
                "has a host that is no name or IP address",
                hint: bytes.contains { $0 >= 0x80 } ? "Write international names in Punycode (xn--…)." : nil)
        }
        // A trailing dot marks a name as complete.
        let labels = (host.hasSuffix(".") ? host.dropLast() : host[...]).utf8
            .split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard labels.allSatisfy({ 1...63 ~= $0.count }) else {
            throw Fault("has a host with a part that is empty or longer than 63 letters")
        }
        // A name that ends in a number is taken for an address everywhere.
        if let last = labels.last, last.allSatisfy(Ascii.isDigit), !SystemAddress.isIPv4(host) {
            throw Fault("has a host that is no IPv4 address", hint: "IPv4 addresses are four numbers, 0...255.")
        }
    }
}

extension Address: CustomStringConvertible {
    /// As it is written in a configuration: `10.0.0.11:50051`, `[::1]:8443`.
    public var description: String {
        switch self {
        case .host(let host, let port): host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }
}
