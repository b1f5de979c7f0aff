// rtbridge: tests of what is said about certificates before anything starts.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import Testing

@testable import BridgeServer

@Suite struct CertificateCheckTests {
    private static let day: Int64 = 86_400

    @Test(
        arguments: [
            (-1, "has expired"), (0, "has expired"), (1, "expires in 0 days"), (13 * day, "expires in 13 days"),
            (14 * day - 1, "expires in 13 days"), (14 * day, nil), (400 * day, nil),
        ] as [(Int64, String?)])
    func aCertificateWithLessThanFourteenDaysLeftIsWarnedOf(left: Int64, text: String?) {
        #expect(CertificateCheck.expiry(notAfter: 1_800_000_000 + left, now: 1_800_000_000) == text)
    }

    @Test func aKeyThatCannotBeReadIsAnErrorOfItsListener() throws {
        var listener = Listener(name: "public", address: .host("127.0.0.1", port: 0))
        var tls = ListenerTLS()
        tls.certificate = .init(certFile: "/nonexistent/cert.pem", keyFile: "/nonexistent/key.pem")
        listener.tls = tls
        var document = Document()
        document.listeners = [listener]
        let error = #expect(throws: BridgeStartError.self) { try CertificateCheck.warnings(document) }
        #expect(error?.description.contains("listeners.public.tls") == true)
        #expect(error?.description.contains("/nonexistent/cert.pem") == true)
    }
}
