// rtbridge: the smallest useful configuration.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import Testing

struct SmallestFileTests {
    private static let text = """
        {
          "listeners": { "public": { "address": "0.0.0.0:8443", "tls": { "development": true } } },
          "routes": [
            { "match": { "protocol": "grpc-web" },                        "backend": "grpc://127.0.0.1:50051" },
            { "match": { "protocol": "websocket", "path": "/tcp" },       "backend": "tcp://127.0.0.1:9001" },
            { "match": { "protocol": "websocket", "path": "/udp" },       "backend": "udp://127.0.0.1:9002" }
          ]
        }
        """

    @Test func itIsReadWithAllDefaultsFilledIn() throws {
        let config = try ConfigLoader.load(text: Self.text, file: "routes.json", directory: "/", environment: [:])

        var expected = Document()
        var listener = Listener(name: "public", address: .host("0.0.0.0", port: 8443))
        listener.tls = ListenerTLS()
        listener.tls?.development = true
        expected.listeners = [listener]
        func route(_ name: String, _ front: FrontProtocolName, _ path: String?, _ back: BackendProtocol, _ port: Int)
            -> Route
        {
            var match = Match(protocols: [front])
            match.path = path
            let address = Address.host("127.0.0.1", port: port)
            let url = "\(back.rawValue)://127.0.0.1:\(port)"
            return Route(name: name, match: match, backend: Backend(name: url, protocol: back, endpoints: [address]))
        }
        expected.routes = [
            route("grpc-web", .grpcWeb, nil, .grpc, 50051),
            route("websocket /tcp", .websocket, "/tcp", .tcp, 9001),
            route("websocket /udp", .websocket, "/udp", .udp, 9002),
        ]
        #expect(config.document == expected)
    }

    @Test func itWarnsOfTheDevelopmentCertificateAndOfNothingElse() throws {
        let config = try ConfigLoader.load(text: Self.text, file: "routes.json", directory: "/", environment: [:])
        #expect(
            config.warnings.map(\.description) == [
                """
                routes.json:2:66: warning: listeners.public.tls.development: \
                a self-signed certificate on an address that all networks reach
                  Listen on 127.0.0.1, or write "certificates" for use by others.
                """
            ])
    }
}
