// rtbridge: OpenSSL's commonest reasons, explained.
// SPDX-License-Identifier: Apache-2.0
import COpenSSL

/// What an operator makes of a reason that OpenSSL gives in three words.
enum Hint {
    /// `reason` with an explanation before it where one of `entries` is known.
    static func add(to reason: String, _ entries: [ErrorQueue.Entry]) -> String {
        for entry in entries where entry.library == ERR_LIB_SSL {
            if let hint = hint(entry.reason) { return "\(hint) (\(reason))" }
        }
        return reason
    }

    private static func hint(_ reason: Int32) -> String? {
        switch reason {
        case SSL_R_HTTP_REQUEST: "the peer speaks plain HTTP on a TLS port; write https:// in its URL"
        case SSL_R_HTTPS_PROXY_REQUEST: "the peer takes this TLS port for an HTTP proxy"
        case SSL_R_WRONG_VERSION_NUMBER: "the peer does not speak TLS"
        case SSL_R_UNSUPPORTED_PROTOCOL: "the peer speaks no version of TLS that is allowed here"
        case SSL_R_NO_SHARED_CIPHER:
            "no cipher suite is both offered by the peer and allowed by certificate and options"
        case SSL_R_NO_SUITABLE_KEY_SHARE, SSL_R_NO_SUITABLE_GROUPS, SSL_R_NO_SHARED_GROUPS:
            "no key exchange group is both offered by the peer and allowed here"
        case SSL_R_NO_APPLICATION_PROTOCOL: "the peer offers by ALPN none of the protocols served here"
        default: nil
        }
    }
}
