// rtbridge: what of a request may stand in a request line.
// SPDX-License-Identifier: Apache-2.0

/// Checks of what came over HTTP/2, where a space or a line end divides nothing, before it is written as HTTP/1.1, where
/// it does (RFC 9113 §10.3: "an intermediary … MUST NOT forward … invalid field names or values").
public enum HTTP1Target {
    public static func isMethod(_ bytes: UnsafeRawBufferPointer) -> Bool { FieldTokens.isToken(bytes) }

    /// The origin form, or `*` (RFC 9112 §3.2). Bytes above ASCII are let through: browsers send none, others do.
    public static func isTarget(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let first = bytes.first else { return false }
        guard first == UInt8(ascii: "/") || bytes.count == 1 && first == UInt8(ascii: "*") else { return false }
        for byte in bytes where byte <= 0x20 || byte == 0x7F || byte == UInt8(ascii: "#") { return false }
        return true
    }

    /// RFC 3986 §3.2.2 and §3.2.3: a host and a port; user information is not among it.
    public static func isAuthority(_ bytes: UnsafeRawBufferPointer) -> Bool { authority.containsAll(of: bytes) }

    private static let authority = ByteSet(alphanumericAnd: ":[]-._~%!$&'()*+,;=")
}
