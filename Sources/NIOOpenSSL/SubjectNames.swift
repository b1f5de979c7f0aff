// rtbridge: the names that a certificate is for.
// SPDX-License-Identifier: Apache-2.0
import COpenSSL

enum SubjectNames {
    /// The DNS names and IP addresses of the subjectAltName (RFC 5280 §4.2.1.6), in order. Names may be hostile: what is
    /// not printable ASCII is replaced by `?`, and only the first 16 are given.
    static func of(_ certificate: OpaquePointer) -> [String] {
        guard let found = X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil) else { return [] }
        let names = OpaquePointer(found)
        defer { COpenSSL_sk_GENERAL_NAME_pop_free(names) }
        return (0..<min(16, COpenSSL_sk_GENERAL_NAME_num(names))).compactMap { index in
            var type: Int32 = 0
            guard let value = GENERAL_NAME_get0_value(COpenSSL_sk_GENERAL_NAME_value(names, index), &type) else {
                return nil
            }
            return text(type, value)
        }
    }

    private static func text(_ type: Int32, _ value: UnsafeMutableRawPointer) -> String? {
        let string = value.assumingMemoryBound(to: ASN1_STRING.self)
        let bytes = UnsafeBufferPointer(start: ASN1_STRING_get0_data(string), count: Int(ASN1_STRING_length(string)))
        switch type {
        case GEN_DNS: return String(decoding: bytes.map { (0x21...0x7E).contains($0) ? $0 : 0x3F }, as: UTF8.self)
        case GEN_IPADD: return address(bytes)
        default: return nil
        }
    }

    private static func address(_ bytes: UnsafeBufferPointer<UInt8>) -> String? {
        switch bytes.count {
        case 4: return bytes.map { String($0) }.joined(separator: ".")
        case 16:
            let groups = stride(from: 0, to: 16, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
            return groups.map { String($0, radix: 16) }.joined(separator: ":")
        default: return nil
        }
    }
}
