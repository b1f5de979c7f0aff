// rtbridge: certificates that will not do, or not for long.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import Glibc
import NIOOpenSSL

/// Looks at the certificates that a configuration names, without starting anything.
public enum CertificateCheck {
    /// A certificate that expires within this many days is worth a warning.
    private static let warningDays: Int64 = 14

    /// - Returns: a warning for each certificate that has expired or soon will.
    /// - Throws: ``BridgeStartError`` for the first listener or back-end whose TLS options OpenSSL does not take.
    public static func warnings(_ document: Document) throws -> [String] {
        var warnings: [String] = []
        for listener in document.listeners {
            _ = try listener.makeTLSContext(warning: { _, _ in })
            guard let certificate = listener.tls?.certificate else { continue }
            let loaded: TLSCredentials
            do throws(TLSError) {
                loaded = try TLSCredentials.load(certFile: certificate.certFile, keyFile: certificate.keyFile)
            } catch {
                throw BridgeStartError.tls(listener.name, error)
            }
            let place = "listeners.\(listener.name).tls.certificates[0].certFile"
            warnings += warning(place, certificate.certFile, loaded)
        }
        _ = try BackTLSTable(document)
        for (place, backend) in document.placedBackends {
            guard let certificate = backend.tls?.certificate else { continue }
            do throws(TLSError) {
                let loaded = try TLSCredentials.load(certFile: certificate.certFile, keyFile: certificate.keyFile)
                warnings += warning("\(place).tls.certFile", certificate.certFile, loaded)
            } catch {
                throw BridgeStartError.backTLS(place, error)
            }
        }
        return warnings
    }

    private static func warning(_ place: String, _ file: String, _ loaded: TLSCredentials) -> [String] {
        guard let text = expiry(notAfter: loaded.notAfter, now: Int64(time(nil))) else { return [] }
        return ["\(place): warning: \(file) \(text)\n  Renew it."]
    }

    /// - Parameters: Unix seconds.
    /// - Returns: nil if there is time enough.
    static func expiry(notAfter: Int64, now: Int64) -> String? {
        let days = (notAfter - now) / 86_400
        guard notAfter > now else { return "has expired" }
        return days < warningDays ? "expires in \(days) days" : nil
    }
}
