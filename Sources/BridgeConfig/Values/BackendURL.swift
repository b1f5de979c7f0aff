// rtbridge: back-ends as URLs: "grpc://10.0.0.11:50051".
// SPDX-License-Identifier: Apache-2.0

enum BackendURL {
    private struct Scheme {
        var name: String
        var `protocol`: BackendProtocol
        var isTLS = false
    }

    private static let schemes = [
        Scheme(name: "grpc", protocol: .grpc), Scheme(name: "grpcs", protocol: .grpc, isTLS: true),
        Scheme(name: "tcp", protocol: .tcp), Scheme(name: "tls", protocol: .tcp, isTLS: true),
        Scheme(name: "udp", protocol: .udp),
        Scheme(name: "ws", protocol: .websocket), Scheme(name: "wss", protocol: .websocket, isTLS: true),
        Scheme(name: "http", protocol: .http), Scheme(name: "https", protocol: .http, isTLS: true),
    ]

    /// `grpcs` for gRPC over TLS.
    static func scheme(_ protocol: BackendProtocol, isTLS: Bool) -> String {
        schemes.first { $0.protocol == `protocol` && $0.isTLS == isTLS }?.name ?? `protocol`.rawValue
    }

    private static let example = #"Write for example "grpc://127.0.0.1:50051"."#

    /// Whether the text is meant as a URL, not as the name of a back-end.
    static func isMeant(_ text: String) -> Bool { text.contains("://") || text.hasPrefix("unix:") }

    static func parse(_ text: String) throws(Fault) -> Backend {
        let built = schemes.map { $0.name + "://" }.joined(separator: ", ")
        if let unix = try AddressText.unix(text) { return Backend(name: text, protocol: .tcp, endpoints: [unix]) }
        guard let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://") else {
            throw Fault("is no URL", hint: example)
        }
        let name = text[..<colon].lowercased()
        guard let scheme = schemes.first(where: { $0.name == name }) else {
            throw Fault("has an unknown scheme", hint: "Supported: \(built).")
        }
        var authority = text[text.index(colon, offsetBy: 3)...]
        if authority.utf8.contains(UInt8(ascii: "@")) {
            throw Fault("has a user in it", hint: "Write the scheme, the host and the port alone.")
        }
        if authority.hasSuffix("/"), !authority.dropLast().contains("/") { authority.removeLast() }
        if authority.contains(where: { "/?#".contains($0) }) {
            throw Fault("has a path in it", hint: "Write the scheme, the host and the port alone.")
        }
        let address = try AddressText.parse(
            String(authority), ports: 1...65535, example: "Write for example \"\(name)://127.0.0.1:50051\".")
        var backend = Backend(name: "", protocol: scheme.protocol, endpoints: [address])
        if scheme.isTLS { backend.tls = BackendTLS() }
        backend.name = backend.url
        return backend
    }
}

extension Backend {
    /// The name of a back-end that has none: its URL, with a comma between endpoints.
    var url: String {
        BackendURL.scheme(`protocol`, isTLS: tls != nil) + "://"
            + endpoints.map(\.description).joined(separator: ",")
    }
}
