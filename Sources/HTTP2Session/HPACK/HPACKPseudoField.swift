// rtbridge: pseudo-header fields that are in the static table of HPACK.
// SPDX-License-Identifier: Apache-2.0

/// The fields that begin every block.
enum HPACKPseudoField {
    /// The length of ":method", ":scheme" and ":status".
    static let nameLength = 7

    /// - Parameter field: a name of ``nameLength`` bytes, and its value behind that.
    /// - Returns: the index in the static table (RFC 7541 Appendix A), or 0.
    @inline(__always)
    static func index(_ field: UnsafeRawBufferPointer) -> UInt8 {
        if field.count == 11 {
            if HPACKBytes.areEqual(field, ":methodPOST") { return 3 }
            return HPACKBytes.areEqual(field, ":schemehttp") ? 6 : 0
        }
        if field.count == 10 {
            if HPACKBytes.areEqual(field, ":status200") { return 8 }
            return HPACKBytes.areEqual(field, ":methodGET") ? 2 : 0
        }
        return HPACKBytes.areEqual(field, ":schemehttps") ? 7 : 0
    }
}
