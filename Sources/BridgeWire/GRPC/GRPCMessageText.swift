// rtbridge: the percent-encoding of grpc-message.
// SPDX-License-Identifier: Apache-2.0

/// `Percent-Encoded` of gRPC doc/PROTOCOL-HTTP2.md, "Responses": every byte of the UTF-8 text outside 0x20–0x24 and
/// 0x26–0x7E becomes `%` and two hexadecimal digits.
public enum GRPCMessageText {
    /// The value of `grpc-message` for a text.
    public static func encode(_ text: String) -> String {
        var encoded: [UInt8] = []
        encoded.reserveCapacity(text.utf8.count)
        for byte in text.utf8 { isPlain(byte) ? encoded.append(byte) : appendEscape(byte, to: &encoded) }
        return String(decoding: encoded, as: UTF8.self)
    }

    /// The text of a `grpc-message`. "When decoding invalid values, implementations MUST NOT error or throw away the
    /// message": a false escape stays as it is, and what is not UTF-8 is replaced.
    public static func decode(_ value: some Collection<UInt8>) -> String {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(value.count)
        var rest = value[...]
        while let byte = rest.popFirst() {
            if byte == percent, let escaped = escapedByte(rest) {
                decoded.append(escaped)
                rest = rest.dropFirst(2)
            } else {
                decoded.append(byte)
            }
        }
        return String(decoding: decoded, as: UTF8.self)
    }

    /// A value that any client can decode, JavaScript's `decodeURIComponent` included, which throws at false escapes and
    /// at escapes that are not UTF-8. What is in order stays as it is; the `%` of a bad escape becomes `%25`, so that its
    /// characters are read literally; raw bytes that have no place in a header become escapes.
    public static func sanitise(_ value: some Collection<UInt8>) -> [UInt8] {
        let source = [UInt8](value)
        var output: [UInt8] = []
        output.reserveCapacity(source.count)
        var index = 0
        while index < source.count {
            let byte = source[index]
            if isPlain(byte) {
                output.append(byte)
                index += 1
            } else if let end = endOfCharacter(source, from: index) {
                appendUnits(source[index..<end], to: &output)
                index = end
            } else {
                // A false escape, or one byte that is not UTF-8 (the replacement character then stands for it).
                output.append(contentsOf: byte == percent ? "%25".utf8 : "%EF%BF%BD".utf8)
                index += 1
            }
        }
        return output
    }

    private static let percent = UInt8(ascii: "%")

    private static func isPlain(_ byte: UInt8) -> Bool { byte >= 0x20 && byte <= 0x7E && byte != percent }

    private static func appendEscape(_ byte: UInt8, to output: inout [UInt8]) {
        let digits: StaticString = "0123456789ABCDEF"
        output.append(percent)
        output.append(digits.utf8Start[Int(byte >> 4)])
        output.append(digits.utf8Start[Int(byte & 0xF)])
    }

    /// Escapes as they are, raw bytes as escapes.
    private static func appendUnits(_ units: ArraySlice<UInt8>, to output: inout [UInt8]) {
        var index = units.startIndex
        while index < units.endIndex {
            if units[index] == percent {
                output.append(contentsOf: units[index..<(index + 3)])
                index += 3
            } else {
                appendEscape(units[index], to: &output)
                index += 1
            }
        }
    }

    /// The end of the character that begins at `start`, whose bytes are raw or escaped; `nil` if there is no whole one.
    private static func endOfCharacter(_ source: [UInt8], from start: Int) -> Int? {
        var checker = UTF8Checker()
        var index = start
        while index < source.count {
            var byte = source[index]
            if byte == percent {
                guard let escaped = escapedByte(source[(index + 1)...]) else { return nil }
                byte = escaped
                index += 3
            } else {
                index += 1
            }
            guard withUnsafeBytes(of: byte, { checker.check($0) }) else { return nil }
            if checker.isAtBoundary { return index }
        }
        return nil
    }

    /// The byte that the two hexadecimal digits at the beginning of `rest` stand for.
    private static func escapedByte(_ rest: some Collection<UInt8>) -> UInt8? {
        let digits = rest.prefix(2)
        guard digits.count == 2 else { return nil }
        var byte: UInt8 = 0
        for digit in digits {
            guard let value = hexadecimalValue(digit) else { return nil }
            byte = byte << 4 | value
        }
        return byte
    }

    private static func hexadecimalValue(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
