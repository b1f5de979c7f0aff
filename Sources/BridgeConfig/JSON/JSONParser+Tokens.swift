// rtbridge: strings, numbers, words, blanks and comments of JSON.
// SPDX-License-Identifier: Apache-2.0

extension JSONParser {
    // MARK: - Encoding

    /// RFC 8259 §8.1: "JSON text exchanged between systems that are not part of a closed ecosystem MUST be encoded
    /// using UTF-8", and "Implementations MUST NOT add a byte order mark".
    mutating func checkEncoding() throws(Stop) {
        if bytes.starts(with: [0xFE, 0xFF]) || bytes.starts(with: [0xFF, 0xFE]) {
            throw stop("the file is UTF-16", "Save it as UTF-8.")
        }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            report(at: here(), "the file begins with a byte order mark", "Save it as UTF-8 without a BOM.")
            index = 3
        }
        if let bad = Self.firstInvalidByte(bytes) {
            index = bad
            throw stop("a byte that is not UTF-8 (0x\(String(bytes[bad], radix: 16)))", "Save the file as UTF-8.")
        }
    }

    private static func firstInvalidByte(_ bytes: [UInt8]) -> Int? {
        var iterator = bytes.makeIterator()
        var parser = Unicode.UTF8.ForwardParser()
        var offset = 0
        while true {
            switch parser.parseScalar(from: &iterator) {
            case .valid(let scalar): offset += scalar.count
            case .error: return offset
            case .emptyInput: return nil
            }
        }
    }

    // MARK: - Blanks and comments

    mutating func skipBlanks() throws(Stop) {
        while let byte = peek() {
            switch byte {
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"): index += 1
            case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "/"), UInt8(ascii: "#"):
                reportComment()
                while let byte = peek(), byte != UInt8(ascii: "\n") { index += 1 }
            case UInt8(ascii: "/") where peek(1) == UInt8(ascii: "*"):
                reportComment()
                try skipBlockComment()
            case _: return
            }
        }
    }

    private mutating func reportComment() {
        report(at: here(), "JSON has no comments", #"Write a key that begins with "//", for example "// why": "…"."#)
    }

    private mutating func skipBlockComment() throws(Stop) {
        let opened = here()
        index += 2
        while !(peek() == UInt8(ascii: "*") && peek(1) == UInt8(ascii: "/")) {
            guard index < bytes.count else {
                throw stop("the file ends inside a comment", "It was opened at \(opened.line):\(opened.column).")
            }
            index += 1
        }
        index += 2
    }

    // MARK: - Strings

    /// RFC 8259 §7; the index is at the opening quote.
    mutating func parseString() throws(Stop) -> String {
        let opened = here()
        index += 1
        var text: [UInt8] = []
        var start = index
        while let byte = peek() {
            switch byte {
            case UInt8(ascii: "\""):
                text.append(contentsOf: bytes[start..<index])
                index += 1
                return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                text.append(contentsOf: bytes[start..<index])
                parseEscape(into: &text)
                start = index
            case UInt8(ascii: "\n"), UInt8(ascii: "\r"):
                throw unclosedString(opened)
            case 0x00..<0x20:
                report(
                    at: here(), "a control character (0x\(String(byte, radix: 16))) in a string",
                    byte == UInt8(ascii: "\t") ? #"Write \t for a tab."# : #"Write it as \u00XX."#)
                index += 1
            case _:
                index += 1
            }
        }
        throw unclosedString(opened)
    }

    private mutating func unclosedString(_ opened: JSONPosition) -> Stop {
        report(at: opened, "the string is not closed on its line", #"Write a closing ", or \n for a line break."#)
        return Stop()
    }

    /// The index is at the backslash. A bad escape is reported and left out.
    private mutating func parseEscape(into text: inout [UInt8]) {
        switch peek(1) {
        case UInt8(ascii: "\""): text.append(UInt8(ascii: "\""))
        case UInt8(ascii: "\\"): text.append(UInt8(ascii: "\\"))
        case UInt8(ascii: "/"): text.append(UInt8(ascii: "/"))
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"): return parseUnicodeEscape(into: &text)
        case _:
            report(
                at: here(), #"a backslash that begins no escape (\" \\ \/ \b \f \n \r \t \uXXXX)"#,
                #"Write \\ for a backslash."#)
            index += 1
            return
        }
        index += 2
    }

    /// RFC 8259 §7: "To escape an extended character that is not in the Basic Multilingual Plane, the character is
    /// represented as a 12-character sequence, encoding the UTF-16 surrogate pair."
    private mutating func parseUnicodeEscape(into text: inout [UInt8]) {
        guard let first = codeUnit(at: index) else {
            report(at: here(), #"\u is not followed by four hexadecimal digits"#, #"Write for example \u00e9."#)
            index += 2
            return
        }
        if let scalar = Unicode.Scalar(first) {
            text.append(contentsOf: Array(Character(scalar).utf8))
            index += 6
            return
        }
        // A code unit that is no scalar is a surrogate; a high one takes the low one behind it.
        if UTF16.isLeadSurrogate(first), let second = codeUnit(at: index + 6), UTF16.isTrailSurrogate(second) {
            let value = 0x10000 + (UInt32(first & 0x3FF) << 10 | UInt32(second & 0x3FF))
            if let scalar = Unicode.Scalar(value) { text.append(contentsOf: Array(Character(scalar).utf8)) }
            index += 12
            return
        }
        report(
            at: here(), "half of a surrogate pair stands alone", "Write both halves, or the character itself.")
        index += 6
    }

    /// The XXXX of `\uXXXX`.
    private func codeUnit(at start: Int) -> UInt16? {
        guard start + 6 <= bytes.count, bytes[start] == UInt8(ascii: "\\"), bytes[start + 1] == UInt8(ascii: "u")
        else { return nil }
        var unit: UInt16 = 0
        for byte in bytes[(start + 2)..<(start + 6)] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else { return nil }
            unit = unit << 4 | UInt16(digit)
        }
        return unit
    }

    // MARK: - Numbers and words

    /// Whether the byte may stand in a number, in `true`, or in what people write in their place.
    static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "_"), UInt8(ascii: "$"):
            true
        case _: byte >= 0x80
        }
    }

    mutating func parseWord() -> JSONValue {
        let position = here()
        let start = index
        while let byte = peek(), Self.isWord(byte) { index += 1 }
        let word = String(decoding: bytes[start..<index], as: UTF8.self)
        switch word {
        case "true": return .bool(true)
        case "false": return .bool(false)
        case "null": return .null
        case _ where Self.isNumber(word.utf8): return .number(word)
        case _:
            let lowercased = word.lowercased()
            let hint =
                switch lowercased {
                case "true", "false", "null": "Write \(lowercased)."
                case "none", "nil", "undefined": "Write null."
                case _ where Double(word) != nil: "JSON numbers look like 0, -1, 0.5 or 1e3."
                case _: "Write strings in double quotes."
                }
            report(at: position, "\(quoted(word)) is not JSON", hint)
            return .invalid
        }
    }

    /// RFC 8259 §6: `[ minus ] int [ frac ] [ exp ]`.
    private static func isNumber(_ word: String.UTF8View) -> Bool {
        var rest = word[...]
        func digits() -> Int {
            let count = rest.prefix { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }.count
            rest = rest.dropFirst(count)
            return count
        }
        func take(_ signs: String) -> Bool {
            guard let byte = rest.first, signs.utf8.contains(byte) else { return false }
            rest = rest.dropFirst()
            return true
        }
        _ = take("-")
        if take("0") {} else if digits() == 0 { return false }
        if take("."), digits() == 0 { return false }
        if take("eE") {
            _ = take("+-")
            if digits() == 0 { return false }
        }
        return rest.isEmpty
    }
}
