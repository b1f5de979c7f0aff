// rtbridge: back-ends as URLs: "grpc://10.0.0.11:50051".
// SPDX-License-Identifier: Apache-2.0

enum BackendURL {
    /// What a scheme says about the back-end's protocol; nil where this build does not have it.
    private static let schemes: KeyValuePairs<String, BackendProtocol?> = [
        "grpc": .grpc, "tcp": .tcp, "udp": .udp, "http": .http,
        "grpcs": nil, "tls": nil, "ws": nil, "wss": nil, "https": nil,
    ]

    private static let example = #"Write for example "grpc://127.0.0.1:50051"."#

    /// Whether the text is meant as a URL, not as the name of a back-end.
    static func isMeant(_ text: String) -> Bool { text.contains("://") || text.hasPrefix("unix:") }

    static func parse(_ text: String) throws(Fault) -> Backend {
        let built = schemes.filter { $0.value != nil }.map { $0.key + "://" }.joined(separator: ", ")
        guard !text.hasPrefix("unix:") else { throw Fault("is not supported yet", hint: "Supported: \(built).") }
        guard let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://") else {
            throw Fault("is no URL", hint: example)
        }
        let scheme = text[..<colon].lowercased()
        guard let (_, known) = schemes.first(where: { $0.key == scheme }) else {
            throw Fault("has an unknown scheme", hint: "Supported: \(built).")
        }
        guard let `protocol` = known else {
            throw Fault("has a scheme that is not supported yet", hint: "Supported: \(built).")
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
            String(authority), ports: 1...65535, example: "Write for example \"\(scheme)://127.0.0.1:50051\".")
        return Backend(
            name: Backend.name(`protocol`, [address]), protocol: `protocol`, endpoints: [address])
    }
}

extension Backend {
    /// Of a back-end that has none: its URL, with a comma between endpoints.
    static func name(_ protocol: BackendProtocol, _ endpoints: [Address]) -> String {
        "\(`protocol`.rawValue)://" + endpoints.map(\.description).joined(separator: ",")
    }
}
