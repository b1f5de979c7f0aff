// rtbridge: a listener's TLS options as OpenSSL takes them.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import Logging
import NIOOpenSSL

extension Listener {
    /// - Throws: ``BridgeStartError`` if OpenSSL refuses what the options say.
    func makeTLSContext(warning: (Logger.Message, Logger.Metadata) -> Void) throws -> TLSContext? {
        guard let tls else { return nil }
        do throws(TLSError) {
            var options = TLSServerOptions(credentials: [try credentials(tls, warning)])
            options.minimumVersion = tls.minVersion == .tls13 ? .tls13 : .tls12
            options.cipherSuites = tls.cipherSuites
            options.groups = tls.groups
            options.alpn = withoutHTTP != nil ? [] : protocols.map(\.rawValue)
            options.sessionTickets = tls.sessionTickets
            return try TLSContext.server(options)
        } catch {
            throw BridgeStartError.tls(name, error)
        }
    }

    private func credentials(
        _ tls: ListenerTLS, _ warning: (Logger.Message, Logger.Metadata) -> Void
    ) throws(TLSError) -> TLSCredentials {
        if let certificate = tls.certificate {
            return try TLSCredentials.load(certFile: certificate.certFile, keyFile: certificate.keyFile)
        }
        let made = try TLSCredentials.selfSigned(names: ["localhost", "127.0.0.1", "::1"], validDays: 30)
        warning(
            "DEVELOPMENT CERTIFICATE in use: self-signed, made at start-up, no browser trusts it. Never use it in production.",
            ["listener.name": "\(name)", "tls.fingerprint": "\(made.fingerprintSHA256)"])
        return made
    }
}
