// rtbridge: a certificate chain and its private key.
// SPDX-License-Identifier: Apache-2.0
import COpenSSL

/// A certificate, the intermediates that lead to its root, and the certificate's private key.
public struct TLSCredentials: Sendable {
    /// OpenSSL's objects, freed together.
    ///
    /// Safety: nothing is changed after `init`, the reference counts of OpenSSL's objects are atomic, and OpenSSL locks
    /// what it fills in lazily (an `X509`'s extension cache). So any thread may read.
    final class Storage: @unchecked Sendable {
        /// `X509 *` of the leaf.
        let certificate: OpaquePointer
        /// `STACK_OF(X509) *`: the intermediates, in the order in which they are sent.
        let chain: OpaquePointer
        /// `EVP_PKEY *`.
        let key: OpaquePointer

        /// Takes over all three.
        init(certificate: OpaquePointer, chain: OpaquePointer, key: OpaquePointer) {
            self.certificate = certificate
            self.chain = chain
            self.key = key
        }

        deinit {
            X509_free(certificate)
            COpenSSL_sk_X509_pop_free(chain)
            EVP_PKEY_free(key)
        }
    }

    let storage: Storage

    init(storage: Storage) { self.storage = storage }
}

extension TLSCredentials {
    /// The end of the leaf's validity, in seconds since 1970-01-01 UTC.
    public var notAfter: Int64 {
        let epoch = ASN1_TIME_set(nil, 0)
        defer { ASN1_STRING_free(epoch) }
        var days: Int32 = 0
        var seconds: Int32 = 0
        guard ASN1_TIME_diff(&days, &seconds, epoch, X509_get0_notAfter(storage.certificate)) == 1 else { return 0 }
        return Int64(days) * 86400 + Int64(seconds)
    }

    /// The leaf and its intermediates in PEM.
    public var certificatePEM: String {
        let bio = BIO_new(BIO_s_mem())
        defer { BIO_free(bio) }
        PEM_write_bio_X509(bio, storage.certificate)
        for index in 0..<COpenSSL_sk_X509_num(storage.chain) {
            PEM_write_bio_X509(bio, COpenSSL_sk_X509_value(storage.chain, index))
        }
        var bytes: UnsafeMutablePointer<CChar>?
        let count = COpenSSL_BIO_get_mem_data(bio, &bytes)
        return String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
    }

    /// The SHA-256 digest of the leaf in DER, as browsers show it: `AB:CD:…`, 32 pairs.
    public var fingerprintSHA256: String {
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var count: UInt32 = 0
        X509_digest(storage.certificate, EVP_sha256(), &digest, &count)
        let digits = Array("0123456789ABCDEF".utf8)
        let pairs = digest.prefix(Int(count)).map { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: Array(pairs.joined(separator: [UInt8(ascii: ":")])), as: UTF8.self)
    }

    /// Whether the key is of type RSA, EC, Ed25519…, in OpenSSL's numbers.
    var keyType: Int32 { EVP_PKEY_get_base_id(storage.key) }
}
