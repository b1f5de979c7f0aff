// rtbridge: the chunked transfer coding, taken off.
// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// Takes the chunked coding off a body that may come in any pieces (RFC 9112 §7.1). Trailers are dropped.
struct ChunkedDecoder {
    private enum Phase { case size, data, dataEnd, trailers, over }

    /// A size line with its extensions, and all trailers together; more is refused.
    static let maximumLine = 4096

    private var phase = Phase.size
    private var remaining = 0
    private var line: [UInt8] = []

    var isOver: Bool { phase == .over }

    /// Appends to `output` what of the body is in `bytes`, which are used up to the end of the body.
    /// - Returns: `false` if they are not in the coding.
    mutating func decode(_ bytes: inout ByteBuffer, into output: inout ByteBuffer) -> Bool {
        while bytes.readableBytes > 0 {
            switch phase {
            case .over: return true
            case .data:
                guard var piece = bytes.readSlice(length: min(remaining, bytes.readableBytes)) else { return false }
                remaining -= piece.readableBytes
                output.writeBuffer(&piece)
                if remaining == 0 { phase = .dataEnd }
            case .size, .dataEnd, .trailers:
                guard let byte = bytes.readInteger(as: UInt8.self), take(byte) else { return false }
            }
        }
        return true
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard line.count < Self.maximumLine else { return false }
        line.append(byte)
        guard byte == 0x0A else { return true }
        guard line.count >= 2, line[line.count - 2] == 0x0D else { return false }
        let text = line.dropLast(2)
        switch phase {
        case .size:
            guard let size = Self.size(text) else { return false }
            remaining = size
            phase = size == 0 ? .trailers : .data
        case .dataEnd:
            guard text.isEmpty else { return false }
            phase = .size
        case .trailers:
            // The bound is for all of them: the line grows until an empty one ends it.
            guard text.isEmpty || text.suffix(2) == [0x0D, 0x0A] else { return true }
            phase = .over
        case .data, .over: preconditionFailure("ChunkedDecoder.take in \(phase)")
        }
        line.removeAll()
        return true
    }

    /// `chunk-size = 1*HEXDIG`, then perhaps extensions behind a semicolon, white space before it (RFC 9112 §7.1.1).
    private static func size(_ text: ArraySlice<UInt8>) -> Int? {
        let digits = text.prefix { $0 != UInt8(ascii: ";") && !FieldTokens.isSpace($0) }
        let rest = text[digits.endIndex...].drop(while: FieldTokens.isSpace)
        guard rest.isEmpty || rest.first == UInt8(ascii: ";") else { return nil }
        guard 1...8 ~= digits.count, digits.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit }) else { return nil }
        return Int(String(decoding: digits, as: UTF8.self), radix: 16)
    }
}
