// rtbridge: credentials from PEM files and PEM bytes.
// SPDX-License-Identifier: Apache-2.0
import COpenSSL

extension TLSCredentials {
    /// Reads a certificate chain, leaf first, and its key from PEM files; they may be one file.
    /// - Throws: a ``TLSError/Kind/configuration`` error that names the file: one that cannot be read, that is not PEM, a
    ///   key with a passphrase, a key that is not the certificate's.
    public static func load(certFile: String, keyFile: String) throws(TLSError) -> TLSCredentials {
        try make(
            certificates: ReadFile.bytes(of: certFile), certFile,
            key: ReadFile.bytes(of: keyFile), keyFile)
    }

    /// Reads a certificate chain, leaf first, and its key from PEM text.
    /// - Throws: a ``TLSError/Kind/configuration`` error.
    public static func parse(
        certificatePEM: some Collection<UInt8>, keyPEM: some Collection<UInt8>
    ) throws(TLSError) -> TLSCredentials {
        try make(certificates: certificatePEM, nil, key: keyPEM, nil)
    }

    private static func make(
        certificates: some Collection<UInt8>, _ certificatePath: String?,
        key: some Collection<UInt8>, _ keyPath: String?
    ) throws(TLSError) -> TLSCredentials {
        let found = try inFile(certificatePath ?? "certificate") { () throws(PEM.Problem) in
            try PEM.certificates(in: certificates)
        }
        let chain = COpenSSL_sk_X509_new_null()!
        for certificate in found.dropFirst() { COpenSSL_sk_X509_push(chain, certificate) }
        let privateKey: OpaquePointer
        do {
            privateKey = try inFile(keyPath ?? "key") { () throws(PEM.Problem) in try PEM.privateKey(in: key) }
        } catch {
            X509_free(found[0])
            COpenSSL_sk_X509_pop_free(chain)
            throw error
        }
        let storage = Storage(certificate: found[0], chain: chain, key: privateKey)
        try check(storage, certificatePath ?? "certificate", keyPath ?? "key")
        return TLSCredentials(storage: storage)
    }

    private static func check(
        _ storage: Storage, _ certificatePath: String, _ keyPath: String
    ) throws(TLSError) {
        ErrorQueue.clear()
        if X509_check_private_key(storage.certificate, storage.key) == 1 { return }
        let isOutOfOrder = (0..<COpenSSL_sk_X509_num(storage.chain)).contains {
            X509_check_private_key(COpenSSL_sk_X509_value(storage.chain, $0), storage.key) == 1
        }
        ErrorQueue.clear()
        if isOutOfOrder {
            throw TLSError(
                .configuration, "the key's own certificate is not the first; put it first, then its intermediates",
                path: certificatePath)
        }
        throw TLSError(
            .configuration,
            "the key does not match the certificate in \(certificatePath); give the key it was made with",
            path: keyPath)
    }

    private static func inFile<Value>(
        _ path: String, _ body: () throws(PEM.Problem) -> Value
    ) throws(TLSError) -> Value {
        do { return try body() } catch { throw TLSError(.configuration, error.reason, path: path) }
    }
}
