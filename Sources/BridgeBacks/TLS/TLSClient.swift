// rtbridge: the client's side of TLS towards one back-end.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import NIOOpenSSL

/// Certificates, names and ALPN that all connections of a kind share.
struct TLSClient: Sendable {
    /// What is offered by ALPN (RFC 7301), and what the answer may be.
    enum Application: Sendable {
        /// RFC 9113 §3.2: "HTTP/2 over TLS uses the "h2" protocol identifier", and a server that did not choose it would
        /// speak something else.
        case http2
        /// A server that knows no ALPN speaks HTTP/1.1 all the same.
        case http1
        /// Nothing is offered.
        case none

        init(_ protocol: BackendProtocol) {
            switch `protocol` {
            case .grpc: self = .http2
            case .websocket, .http: self = .http1
            case .tcp, .udp: self = .none
            }
        }

        var offer: [String] {
            switch self {
            case .http2: ["h2"]
            case .http1: ["http/1.1"]
            case .none: []
            }
        }

        /// - Returns: why the back-end's choice will not do.
        func refusal(of chosen: String?) -> String? {
            switch (self, chosen) {
            case (.http2, "h2"), (.http1, "http/1.1"), (.http1, nil), (.none, _): nil
            case (.http2, nil): "the back-end agreed to no protocol by ALPN; gRPC needs h2"
            case (.http2, .some(let other)): "the back-end chose \(other) by ALPN; gRPC needs h2"
            case (.http1, .some(let other)): "the back-end chose \(other) by ALPN; http/1.1 was offered"
            }
        }
    }

    let application: Application
    private let context: TLSContext
    private let serverName: String?

    /// - Throws: a ``TLSError/Kind/configuration`` error that names the file and how to mend it.
    init(_ config: BackendTLS, _ application: Application) throws(TLSError) {
        var options = TLSClientOptions(alpn: application.offer)
        options.verification = config.verify ? .full : .none
        options.trust = config.caFile.map { .file($0) } ?? .system
        if let certificate = config.certificate {
            options.credentials = try TLSCredentials.load(
                certFile: certificate.certFile, keyFile: certificate.keyFile)
        }
        self.application = application
        context = try TLSContext.client(options)
        serverName = config.serverName
    }

    /// - Parameter host: what the endpoint is called: a name, or an IP address, which is verified and not sent
    ///   (RFC 6066 §3).
    /// - Parameter buffers: the event loop's.
    func makeHandler(host: String, _ buffers: TLSBuffers) -> TLSHandler {
        TLSHandler(client: context, serverName: serverName ?? host, buffers: buffers)
    }
}
