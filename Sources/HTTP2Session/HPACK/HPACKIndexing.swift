// rtbridge: which fields a peer shall remember.
// SPDX-License-Identifier: Apache-2.0

/// How a literal is represented (RFC 7541 §6.2).
enum HPACKIndexing {
    case incremental, without, never

    /// The bits before the index of the name.
    @inline(__always)
    var pattern: UInt8 {
        switch self {
        case .incremental: 0x40
        case .without: 0x00
        case .never: 0x10
        }
    }

    /// The bits of the index of the name.
    @inline(__always)
    var mask: UInt8 {
        switch self {
        case .incremental: 0x3F
        case .without, .never: 0x0F
        }
    }

    /// Indices in the static table of names whose values rarely come again: ":path", "age", "content-length", "etag",
    /// "if-modified-since", "if-none-match", "location", "set-cookie".
    private static let changing: UInt64 = 1 << 4 | 1 << 21 | 1 << 28 | 1 << 34 | 1 << 40 | 1 << 41 | 1 << 46 | 1 << 55
    /// "authorization", "proxy-authorization".
    private static let secret: UInt64 = 1 << 23 | 1 << 49
    private static let cookie = 32
    /// RFC 7541 §7.1.3: "An encoder might also choose not to index values for header fields that are considered to be highly
    /// valuable or sensitive to recovery"; a short cookie has little entropy.
    private static let shortCookie = 20

    /// - Parameters:
    ///   - known: the first index of the name in the static table, or 0.
    ///   - table: the size of the dynamic table.
    init(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, known: Int, table: Int) {
        let bit: UInt64 = 1 &<< UInt64(known)
        if bit & Self.secret != 0 || known == Self.cookie && value.count < Self.shortCookie {
            self = .never
        } else if bit & Self.changing != 0 || name.count + value.count + HPACKTable.overhead > table / 4 * 3 {
            self = .without
        } else if known == 0, name.count == 12, Self.isChangingGRPC(name, value) {
            self = .without
        } else {
            self = .incremental
        }
    }

    /// A deadline is another one with each call; so is a message, but for the empty one of a call that went well.
    private static func isChangingGRPC(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool {
        HPACKBytes.areEqual(name, "grpc-timeout") || HPACKBytes.areEqual(name, "grpc-message") && !value.isEmpty
    }
}
