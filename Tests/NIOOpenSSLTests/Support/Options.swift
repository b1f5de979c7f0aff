// rtbridge: credentials and options that the tests share.
// SPDX-License-Identifier: Apache-2.0
@testable import NIOOpenSSL

enum Shared {
    /// For localhost and the loopback addresses.
    static let credentials = Result { () throws(TLSError) in
        try TLSCredentials.selfSigned(names: ["localhost", "127.0.0.1", "::1"], validDays: 2)
    }
}

extension TLSServerOptions {
    /// With the shared certificate.
    static var plain: TLSServerOptions {
        get throws { TLSServerOptions(credentials: [try Shared.credentials.get()]) }
    }

    static func plain(alpn: [String] = [], minimumVersion: TLSVersion = .tls12) throws -> TLSServerOptions {
        var options = try plain
        options.alpn = alpn
        options.minimumVersion = minimumVersion
        return options
    }
}

extension TLSClientOptions {
    /// Trusts the shared certificate.
    static var trusting: TLSClientOptions {
        get throws {
            var options = TLSClientOptions()
            options.trust = .pem(try Shared.credentials.get().certificatePEM)
            return options
        }
    }
}
