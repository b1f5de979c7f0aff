// rtbridge: credentials and options that the tests share.
// SPDX-License-Identifier: Apache-2.0
import COpenSSL

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
        get throws { try plain(alpn: []) }
    }

    static func plain(alpn: [String]) throws -> TLSServerOptions {
        TLSServerOptions(credentials: [try Shared.credentials.get()], alpn: alpn)
    }
}

extension TLSClientOptions {
    /// Trusts the shared certificate.
    static var trusting: TLSClientOptions {
        get throws { try trusting(alpn: []) }
    }

    static func trusting(alpn: [String]) throws -> TLSClientOptions {
        var options = TLSClientOptions(alpn: alpn)
        options.trust = .pem(try Shared.credentials.get().certificatePEM)
        return options
    }
}

extension TLSContext {
    /// Makes this the end without TLS 1.3 that every TLS stack still has to talk to.
    func limitToTLS12() { SSL_CTX_ctrl(pointer, SSL_CTRL_SET_MAX_PROTO_VERSION, Int(TLS1_2_VERSION), nil) }
}
