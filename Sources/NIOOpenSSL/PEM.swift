// rtbridge: certificates and keys out of PEM text.
// SPDX-License-Identifier: Apache-2.0
import COpenSSL

/// Readers of PEM bytes that say what they did not find.
enum PEM {
    /// Why a text gave no certificate or key.
    struct Problem: Error {
        var reason: String
    }

    /// All certificates, in order, at least one. The caller frees each.
    static func certificates(in bytes: some Collection<UInt8>) throws(Problem) -> [OpaquePointer] {
        var found: [OpaquePointer] = []
        let entries = withBIO(bytes) { bio in
            while let certificate = PEM_read_bio_X509(bio, nil, nil, nil) { found.append(certificate) }
            return ErrorQueue.drain()
        }
        // The end of the text shows as "no start line"; anything else is a block that could not be read.
        if isEndOfText(entries), !found.isEmpty { return found }
        found.forEach(X509_free)
        guard isEndOfText(entries) else {
            throw Problem(reason: "certificate \(found.count + 1) cannot be read (\(ErrorQueue.text(of: entries)))")
        }
        throw Problem(reason: "no certificate in it; expected PEM, with lines \"-----BEGIN CERTIFICATE-----\"")
    }

    /// The first private key. The caller frees it.
    static func privateKey(in bytes: some Collection<UInt8>) throws(Problem) -> OpaquePointer {
        var isPassphraseWanted = false
        let (key, entries) = withUnsafeMutablePointer(to: &isPassphraseWanted) { wanted in
            withBIO(bytes) { bio in
                // Without a callback OpenSSL would ask at the terminal.
                let key = PEM_read_bio_PrivateKey(
                    bio, nil,
                    { _, _, _, wanted in
                        wanted?.assumingMemoryBound(to: Bool.self).pointee = true
                        return -1
                    }, wanted)
                return (key, ErrorQueue.drain())
            }
        }
        if let key { return key }
        if isPassphraseWanted {
            throw Problem(
                reason: "the key is encrypted; write it without a passphrase: openssl pkey -in KEY -out PLAIN")
        }
        if !contains("PRIVATE KEY-----", bytes) {
            throw Problem(reason: "no private key in it; expected PEM, with a line \"-----BEGIN PRIVATE KEY-----\"")
        }
        throw Problem(reason: "the private key cannot be read (\(ErrorQueue.text(of: entries)))")
    }

    private static func isEndOfText(_ entries: [ErrorQueue.Entry]) -> Bool {
        entries.allSatisfy { $0.library == ERR_LIB_PEM && $0.reason == PEM_R_NO_START_LINE }
    }

    private static func contains(_ text: String, _ bytes: some Collection<UInt8>) -> Bool {
        String(decoding: bytes, as: UTF8.self).contains(text)
    }

    /// Runs `body` with a read-only memory BIO over `bytes`, the error queue empty.
    private static func withBIO<Result>(
        _ bytes: some Collection<UInt8>, _ body: (OpaquePointer?) -> Result
    ) -> Result {
        COpenSSL_start()
        ErrorQueue.clear()
        return Array(bytes).withUnsafeBytes { bytes in
            let bio = BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count))
            defer { BIO_free(bio) }
            return body(bio)
        }
    }
}
