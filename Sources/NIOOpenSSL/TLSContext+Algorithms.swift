// rtbridge: cipher suites and groups, checked name by name.
// SPDX-License-Identifier: Apache-2.0
import COpenSSL

extension TLSContext {
    /// For TLS 1.2: ephemeral keys and authenticated encryption only, AES-128 first where the hardware has AES
    /// (RFC 9325 §4.2; none is on HTTP/2's list of prohibited suites, RFC 9113 appendix A).
    static let defaultCiphers = [
        "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305",
    ]
    /// For TLS 1.3 (RFC 8446 appendix B.4).
    static let defaultSuites = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]
    /// X25519 costs a server the least.
    static let defaultGroups = ["X25519", "P-256"]

    /// Sets suites of TLS 1.3 and ciphers of TLS 1.2 from one list; a version that it does not name keeps its defaults.
    func setCipherSuites(_ names: [String]?) throws(TLSError) {
        var suites: [String] = []
        var ciphers: [String] = []
        for name in names ?? [] {
            // TLS 1.3's names begin so, and so do the standard names of older ciphers, which are answered with a hint.
            if name.hasPrefix("TLS_") {
                suites.append(try knownSuite(name))
            } else {
                ciphers.append(try knownCipher(name))
            }
        }
        if suites.isEmpty { suites = Self.defaultSuites }
        if ciphers.isEmpty { ciphers = Self.defaultCiphers }
        ErrorQueue.clear()
        guard SSL_CTX_set_ciphersuites(pointer, suites.joined(separator: ":")) == 1,
            SSL_CTX_set_cipher_list(pointer, ciphers.joined(separator: ":")) == 1
        else {
            throw TLSError(
                .configuration, "OpenSSL refuses the cipher suites (\(ErrorQueue.drainText(or: "unknown")))")
        }
    }

    func setGroups(_ names: [String]?) throws(TLSError) {
        let groups = names.flatMap { $0.isEmpty ? nil : $0 } ?? Self.defaultGroups
        for name in groups {
            ErrorQueue.clear()
            let isOneName = !name.isEmpty && !name.utf8.contains(UInt8(ascii: ":"))
            guard isOneName, COpenSSL_SSL_CTX_set1_groups_list(pointer, name) == 1 else {
                ErrorQueue.clear()
                throw TLSError(
                    .configuration, "unknown key exchange group \"\(name)\"; OpenSSL knows X25519, P-256, P-384, X448…")
            }
        }
        ErrorQueue.clear()
        guard COpenSSL_SSL_CTX_set1_groups_list(pointer, groups.joined(separator: ":")) == 1 else {
            throw TLSError(
                .configuration,
                "OpenSSL refuses the groups \(groups.joined(separator: ", ")); name each once "
                    + "(\(ErrorQueue.drainText(or: "unknown")))")
        }
    }

    private func knownSuite(_ name: String) throws(TLSError) -> String {
        ErrorQueue.clear()
        if SSL_CTX_set_ciphersuites(pointer, name) == 1, ciphers().contains(name) { return name }
        ErrorQueue.clear()
        if let other = OPENSSL_cipher_name(name).map({ String(cString: $0) }), other != "(NONE)" {
            throw TLSError(.configuration, "\"\(name)\" is a cipher of TLS 1.2; OpenSSL spells it \"\(other)\"")
        }
        throw unknown(name)
    }

    private func knownCipher(_ name: String) throws(TLSError) -> String {
        ErrorQueue.clear()
        // A list's operators (`HIGH`, `!aNULL`, `A:B`) do not come back as a cipher of that very name.
        if SSL_CTX_set_cipher_list(pointer, name) == 1, ciphers().contains(name) { return name }
        ErrorQueue.clear()
        throw unknown(name)
    }

    private func unknown(_ name: String) -> TLSError {
        TLSError(
            .configuration,
            "unknown cipher suite \"\(name)\"; `openssl ciphers -s -tls1_3` and `openssl ciphers -s -tls1_2` list the names"
        )
    }

    /// Names of all ciphers that the context would use now, in OpenSSL's spelling.
    private func ciphers() -> [String] {
        guard let stack = SSL_CTX_get_ciphers(pointer) else { return [] }
        return (0..<COpenSSL_sk_SSL_CIPHER_num(stack)).compactMap { index in
            SSL_CIPHER_get_name(COpenSSL_sk_SSL_CIPHER_value(stack, index)).map { String(cString: $0) }
        }
    }
}
