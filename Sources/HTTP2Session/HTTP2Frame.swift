// rtbridge: HTTP/2 frames (RFC 9113 §4.1 and §6).
// SPDX-License-Identifier: Apache-2.0

/// What kind of frame it is. Other kinds are left unread (RFC 9113 §5.5).
enum HTTP2FrameKind: UInt8 {
    case data = 0, headers, priority, rstStream, settings, pushPromise, ping, goaway, windowUpdate, continuation
}

/// Flags of RFC 9113 §6; the same bit means different things in different kinds.
enum HTTP2Flags {
    static let endStream: UInt8 = 0x1
    static let acknowledgement: UInt8 = 0x1
    static let endHeaders: UInt8 = 0x4
    static let padded: UInt8 = 0x8
    static let priority: UInt8 = 0x20
}

/// The nine octets before each frame's payload.
struct HTTP2FrameHeader {
    static let byteCount = 9
    /// SETTINGS_MAX_FRAME_SIZE: what we announce is the default, and what we send is no longer either.
    static let maximumLength = 16_384

    let length: Int
    let kind: UInt8
    let flags: UInt8
    let stream: Int32

    /// - Parameter bytes: at least nine of them.
    @inline(__always)
    init(at bytes: UnsafeRawPointer) {
        let first = UInt32(bigEndian: bytes.loadUnaligned(as: UInt32.self))
        length = Int(first &>> 8)
        kind = UInt8(truncatingIfNeeded: first)
        flags = bytes.load(fromByteOffset: 4, as: UInt8.self)
        // RFC 9113 §4.1: the reserved bit "MUST be ignored when receiving".
        let id = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 5, as: UInt32.self))
        stream = Int32(bitPattern: id & 0x7FFF_FFFF)
    }

    @inline(__always)
    func has(_ flag: UInt8) -> Bool { flags & flag != 0 }

    /// Writes a header of nine octets.
    @inline(__always)
    static func write(
        _ kind: HTTP2FrameKind, flags: UInt8, stream: Int32, length: Int, to bytes: UnsafeMutableRawPointer
    ) {
        let first = UInt32(truncatingIfNeeded: length) &<< 8 | UInt32(kind.rawValue)
        bytes.storeBytes(of: first.bigEndian, as: UInt32.self)
        bytes.storeBytes(of: flags, toByteOffset: 4, as: UInt8.self)
        bytes.storeBytes(of: stream.bigEndian, toByteOffset: 5, as: Int32.self)
    }
}
