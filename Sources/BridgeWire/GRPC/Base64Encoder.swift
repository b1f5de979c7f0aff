// rtbridge: base64 out.
// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// Writes base64 with padding (RFC 4648 §4). Each piece stands for itself and is a multiple of four characters long, as
/// gRPC PROTOCOL-WEB.md wants of every flushed piece of a text body.
public enum Base64Encoder {
    private static let alphabet = [UInt8]("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// The number of characters for `count` bytes.
    @inlinable
    public static func encodedLength(_ count: Int) -> Int { (count + 2) / 3 * 4 }

    /// Appends `bytes` as base64.
    public static func write(_ bytes: UnsafeRawBufferPointer, into buffer: inout ByteBuffer) {
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: encodedLength(bytes.count)) {
            encode(bytes, into: $0)
        }
    }

    /// The characters of `bytes`.
    public static func string(_ bytes: UnsafeRawBufferPointer) -> String {
        String(unsafeUninitializedCapacity: encodedLength(bytes.count)) {
            encode(bytes, into: UnsafeMutableRawBufferPointer($0))
        }
    }

    /// - Parameter target: room for ``encodedLength(_:)``.
    private static func encode(_ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Int {
        guard let from = source.baseAddress, let to = target.baseAddress else { return 0 }
        return alphabet.withUnsafeBufferPointer { table in
            guard let table = table.baseAddress else { return 0 }
            var index = 0
            var output = to
            while index &+ 3 <= source.count {
                let group =
                    UInt32(from.load(fromByteOffset: index, as: UInt8.self)) << 16
                    | UInt32(from.load(fromByteOffset: index &+ 1, as: UInt8.self)) << 8
                    | UInt32(from.load(fromByteOffset: index &+ 2, as: UInt8.self))
                output.storeBytes(of: characters(group, table).littleEndian, as: UInt32.self)
                output += 4
                index &+= 3
            }
            let rest = source.count - index
            if rest > 0 {
                var group = UInt32(from.load(fromByteOffset: index, as: UInt8.self)) << 16
                if rest == 2 { group |= UInt32(from.load(fromByteOffset: index + 1, as: UInt8.self)) << 8 }
                let padding: UInt32 = rest == 1 ? 0x3D3D_0000 : 0x3D00_0000
                let kept: UInt32 = rest == 1 ? 0x0000_FFFF : 0x00FF_FFFF
                output.storeBytes(of: (characters(group, table) & kept | padding).littleEndian, as: UInt32.self)
                output += 4
            }
            return output - to
        }
    }

    /// Four characters for 24 bits, the first in the lowest byte.
    @inline(__always)
    private static func characters(_ group: UInt32, _ table: UnsafePointer<UInt8>) -> UInt32 {
        UInt32(table[Int(group >> 18 & 0x3F)])
            | UInt32(table[Int(group >> 12 & 0x3F)]) << 8
            | UInt32(table[Int(group >> 6 & 0x3F)]) << 16
            | UInt32(table[Int(group & 0x3F)]) << 24
    }
}
