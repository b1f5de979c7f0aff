// rtbridge: pseudo-header fields that are in the static table of HPACK.
// SPDX-License-Identifier: Apache-2.0

/// The fields that begin every block.
enum HPACKPseudoField {
    /// - Parameter name: begins with a colon.
    /// - Returns: the index in the static table (RFC 7541 Appendix A), or 0.
    @inline(__always)
    static func index(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Int {
        guard name.count == 7 else { return 0 }
        if HPACKBytes.areEqual(name, ":method") {
            if HPACKBytes.areEqual(value, "POST") { return 3 }
            return HPACKBytes.areEqual(value, "GET") ? 2 : 0
        }
        if HPACKBytes.areEqual(name, ":status") { return HPACKBytes.areEqual(value, "200") ? 8 : 0 }
        guard HPACKBytes.areEqual(name, ":scheme") else { return 0 }
        if HPACKBytes.areEqual(value, "http") { return 6 }
        return HPACKBytes.areEqual(value, "https") ? 7 : 0
    }
}
