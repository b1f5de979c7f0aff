// rtbridge: certificates for development.
// SPDX-License-Identifier: Apache-2.0
import COpenSSL

extension TLSCredentials {
    /// Clocks of machines differ; a certificate made this moment is good everywhere.
    private static let clockSkewSeconds = 3600

    /// A certificate for development that signs itself: ECDSA on P-256 with SHA-256, for servers, no CA.
    /// - Parameters:
    ///   - names: DNS names (`*.` as the first label is allowed) and IP addresses, at least one. All go into the
    ///     subjectAltName (RFC 9525 §6.3); the first is the subject's common name too.
    ///   - validDays: 1...36500.
    /// - Throws: a ``TLSError/Kind/configuration`` error for a name that is neither, or a time out of range.
    public static func selfSigned(names: [String], validDays: Int = 90) throws(TLSError) -> TLSCredentials {
        guard let first = names.first else {
            throw TLSError(.configuration, "a certificate needs at least one name, for example \"localhost\"")
        }
        guard (1...36500).contains(validDays) else {
            throw TLSError(.configuration, "\(validDays) days of validity are outside 1...36500")
        }
        COpenSSL_start()
        let alternatives = try generalNames(names)
        defer { COpenSSL_sk_GENERAL_NAME_pop_free(alternatives) }

        ErrorQueue.clear()
        guard let key = COpenSSL_EVP_EC_gen("P-256"), let certificate = X509_new() else {
            throw TLSError(.configuration, "no key could be made (\(ErrorQueue.drainText(or: "out of memory")))")
        }
        let storage = Storage(certificate: certificate, chain: COpenSSL_sk_X509_new_null(), key: key)

        X509_set_version(certificate, Int(X509_VERSION_3))
        X509_set_pubkey(certificate, key)
        X509_gmtime_adj(X509_getm_notBefore(certificate), -clockSkewSeconds)
        X509_time_adj_ex(X509_getm_notAfter(certificate), Int32(validDays), 0, nil)
        setSerial(of: certificate)
        setSubject(of: certificate, commonName: first)
        X509_add1_ext_i2d(certificate, NID_subject_alt_name, UnsafeMutableRawPointer(alternatives), 0, 0)
        addExtension(NID_basic_constraints, "critical,CA:FALSE", to: certificate)
        addExtension(NID_key_usage, "critical,digitalSignature", to: certificate)
        addExtension(NID_ext_key_usage, "serverAuth", to: certificate)
        addExtension(NID_subject_key_identifier, "hash", to: certificate)
        guard X509_sign(certificate, key, EVP_sha256()) != 0 else {
            throw TLSError(.configuration, "no certificate could be made (\(ErrorQueue.drainText(or: "unknown")))")
        }
        return TLSCredentials(storage: storage)
    }

    /// RFC 5280 §4.1.2.2: positive, at most 20 octets; 127 random bits here, never zero.
    private static func setSerial(of certificate: OpaquePointer) {
        var serial = (0..<16).map { _ in UInt8.random(in: .min ... .max) }
        serial[0] = serial[0] & 0x7F | 0x40
        let number = BN_bin2bn(serial, Int32(serial.count), nil)
        defer { BN_free(number) }
        BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate))
    }

    private static func setSubject(of certificate: OpaquePointer, commonName: String) {
        let subject = X509_get_subject_name(certificate)
        // RFC 5280 appendix A: ub-common-name is 64. A longer name stands in the subjectAltName alone.
        let name = commonName.utf8.count <= 64 ? Array(commonName.utf8) : Array("self-signed".utf8)
        X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_FLAG | 1, name, Int32(name.count), -1, 0)
        X509_set_issuer_name(certificate, subject)
    }

    private static func addExtension(_ nid: Int32, _ value: String, to certificate: OpaquePointer) {
        var context = X509V3_CTX()
        X509V3_set_ctx(&context, certificate, certificate, nil, nil, 0)
        let made = X509V3_EXT_conf_nid(nil, &context, nid, value)
        defer { X509_EXTENSION_free(made) }
        X509_add_ext(certificate, made, -1)
    }

    /// `GENERAL_NAMES *`; the caller frees it.
    private static func generalNames(_ names: [String]) throws(TLSError) -> OpaquePointer {
        let stack = GENERAL_NAMES_new()!
        for name in names {
            guard let made = generalName(name) else {
                COpenSSL_sk_GENERAL_NAME_pop_free(stack)
                throw TLSError(.configuration, "\"\(name)\" is neither a DNS name nor an IP address")
            }
            COpenSSL_sk_GENERAL_NAME_push(stack, made)
        }
        return stack
    }

    private static func generalName(_ name: String) -> UnsafeMutablePointer<GENERAL_NAME>? {
        if let address = a2i_IPADDRESS(name) {
            let made = GENERAL_NAME_new()
            GENERAL_NAME_set0_value(made, GEN_IPADD, address)
            return made
        }
        ErrorQueue.clear()
        guard HostName.isDNSName(name) else { return nil }
        let text = ASN1_IA5STRING_new()
        ASN1_STRING_set(text, name, Int32(name.utf8.count))
        let made = GENERAL_NAME_new()
        GENERAL_NAME_set0_value(made, GEN_DNS, text)
        return made
    }
}
