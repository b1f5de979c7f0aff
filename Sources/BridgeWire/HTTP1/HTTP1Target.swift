// rtbridge: what of a request may stand in a request line.
// SPDX-License-Identifier: Apache-2.0

/// Checks of what came over HTTP/2, where a space or a line end divides nothing, before it is written as HTTP/1.1, where
/// it does (RFC 9113 §10.3: "an intermediary … MUST NOT forward … invalid field names or values").
public enum HTTP1Target {
    public static func isMethod(_ bytes: FieldValue) -> Bool { FieldTokens.isToken(bytes) }

    /// The origin form, or `*` (RFC 9112 §3.2). Bytes above ASCII are let through: browsers send none, others do.
    public static func isTarget(_ bytes: FieldValue) -> Bool {
        guard let first = bytes.first else { return false }
        guard first == UInt8(ascii: "/") || bytes.count == 1 && first == UInt8(ascii: "*") else { return false }
        return bytes.allSatisfy { $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "#") }
    }

    /// RFC 3986 §3.2.2 and §3.2.3: a host and a port; user information is not among it.
    @inlinable
    public static func isAuthority(_ bytes: some Sequence<UInt8>) -> Bool {
        bytes.allSatisfy { byte in
            switch byte {
            case 0x30...0x3A, 0x41...0x5A, 0x61...0x7A, 0x5B, 0x5D: true  // 0-9 : A-Z a-z [ ]
            default: "-._~%!$&'()*+,;=".utf8.contains(byte)
            }
        }
    }
}
