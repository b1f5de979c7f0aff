// rtbridge: base64 in, cut anywhere.
// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// Reads base64 (RFC 4648 §4) that arrives in pieces. Padding may end any group, and more groups may follow, as in a
/// gRPC-Web text body that is a row of base64 strings (gRPC PROTOCOL-WEB.md). White space is an error.
public struct Base64Decoder: Sendable {
    /// The input is not base64, whatever follows.
    public struct Invalid: Error, Equatable {}

    /// The value of every character, or ``illegal``.
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: illegal, count: 256)
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8
        for (value, character) in alphabet.enumerated() { values[Int(character)] = UInt8(value) }
        return values
    }()
    private static let illegal = UInt8(0xFF)

    /// The characters of a group that has begun: their bits, their number, and how many of them are padding.
    private var bits: UInt32 = 0
    private var count = 0
    private var padding = 0

    public init() {}

    /// Whether the input may end here.
    public var isAtBoundary: Bool { count == 0 }

    static func value(of character: UInt8) -> UInt8? {
        let value = values[Int(character)]
        return value == illegal ? nil : value
    }

    /// Appends what `source` stands for, as far as its groups are whole.
    /// - Throws: ``Invalid``; what was written before the error is not to be used.
    public mutating func write(_ source: UnsafeRawBufferPointer, into buffer: inout ByteBuffer) throws(Invalid) {
        guard let from = source.baseAddress else { return }
        let room = (count + source.count) / 4 * 3
        var failure: Invalid?
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { target in
            do throws(Invalid) {
                return try decode(from, source.count, into: target)
            } catch {
                failure = error
                return 0
            }
        }
        if let failure { throw failure }
    }

    private mutating func decode(
        _ from: UnsafeRawPointer, _ length: Int, into target: UnsafeMutableRawBufferPointer
    ) throws(Invalid) -> Int {
        var index = 0
        var written = 0
        while index < length {
            if count == 0 { Self.decodeGroups(from, length, &index, target, &written) }
            guard index < length else { break }
            try take(from.load(fromByteOffset: index, as: UInt8.self), target, &written)
            index += 1
        }
        return written
    }

    /// Decodes groups of four until one is cut, padded or wrong: that is ``take(_:_:_:)``'s.
    private static func decodeGroups(
        _ from: UnsafeRawPointer, _ length: Int, _ index: inout Int,
        _ target: UnsafeMutableRawBufferPointer, _ written: inout Int
    ) {
        guard let to = target.baseAddress else { return }
        values.withUnsafeBufferPointer { table in
            guard let table = table.baseAddress else { return }
            var input = index
            var output = written
            while input &+ 4 <= length {
                let a = table[Int(from.load(fromByteOffset: input, as: UInt8.self))]
                let b = table[Int(from.load(fromByteOffset: input &+ 1, as: UInt8.self))]
                let c = table[Int(from.load(fromByteOffset: input &+ 2, as: UInt8.self))]
                let d = table[Int(from.load(fromByteOffset: input &+ 3, as: UInt8.self))]
                guard (a | b | c | d) & 0x80 == 0 else { break }
                to.storeBytes(of: a << 2 | b >> 4, toByteOffset: output, as: UInt8.self)
                to.storeBytes(of: b << 4 | c >> 2, toByteOffset: output &+ 1, as: UInt8.self)
                to.storeBytes(of: c << 6 | d, toByteOffset: output &+ 2, as: UInt8.self)
                input &+= 4
                output &+= 3
            }
            index = input
            written = output
        }
    }

    /// Takes one character; writes one to three bytes when it ends a group.
    private mutating func take(
        _ character: UInt8, _ target: UnsafeMutableRawBufferPointer, _ written: inout Int
    ) throws(Invalid) {
        if character == UInt8(ascii: "=") {
            guard count >= 2 else { throw Invalid() }
            padding += 1
            bits <<= 6
        } else {
            guard padding == 0, let value = Self.value(of: character) else { throw Invalid() }
            bits = bits << 6 | UInt32(value)
        }
        count += 1
        guard count == 4 else { return }
        for index in 0..<(3 - padding) {
            target[written] = UInt8(truncatingIfNeeded: bits >> UInt32(16 - 8 * index))
            written += 1
        }
        (bits, count, padding) = (0, 0, 0)
    }
}
