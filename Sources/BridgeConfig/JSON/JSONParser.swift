// rtbridge: RFC 8259 JSON, strictly, with positions and with errors that teach.
// SPDX-License-Identifier: Apache-2.0

/// Parses one JSON text (RFC 8259) into nodes that know their places.
///
/// What a reader of the file can guess beyond doubt (a comma too many or too few, a comment, a bad escape, a key
/// written twice) is reported and stepped over, so that one run shows as many problems as possible; anything else
/// ends the parse.
struct JSONParser {
    /// RFC 8259 §9: "An implementation may set limits on the maximum depth of nesting."
    static let maximumDepth = 64

    /// What ends the parse; it has been reported.
    struct Stop: Error {}

    let bytes: [UInt8]
    let file: String
    var index = 0
    var path = JSONPath.root
    private(set) var problems: [ConfigProblem] = []
    /// The last place asked for: positions are asked for in rising order, so each byte is counted once.
    private var mark = (index: 0, line: 1, column: 1)

    private init(_ bytes: [UInt8], file: String) {
        self.bytes = bytes
        self.file = file
    }

    /// - Returns: The root, unless the text could not be followed to its end; and what is wrong, in any case.
    static func parse(_ bytes: [UInt8], file: String) -> (root: JSONNode?, problems: [ConfigProblem]) {
        var parser = JSONParser(bytes, file: file)
        let root = try? parser.parseText()
        return (root, parser.problems)
    }

    // MARK: - The grammar

    private mutating func parseText() throws(Stop) -> JSONNode {
        try checkEncoding()
        try skipBlanks()
        if index == bytes.count { throw stop("the file is empty", "Write at least {}.") }
        let root = try parseValue(depth: 0)
        try skipBlanks()
        if index < bytes.count {
            throw stop("the document has ended, but something follows", "Remove what follows, or an earlier bracket.")
        }
        return root
    }

    private mutating func parseValue(depth: Int) throws(Stop) -> JSONNode {
        let position = here()
        switch peek() {
        case UInt8(ascii: "{"): return JSONNode(position: position, value: try parseObject(position, depth: depth))
        case UInt8(ascii: "["): return JSONNode(position: position, value: try parseArray(position, depth: depth))
        case UInt8(ascii: "\""):
            let before = problems.count
            let text = try parseString()
            // What is left of a string with a fault in it is not worth another complaint.
            return JSONNode(position: position, value: problems.count == before ? .string(text) : .invalid)
        case UInt8(ascii: "'"): throw stop("a single quote begins no value", "Write strings in double quotes.")
        case .some(let byte) where Self.isWord(byte): return JSONNode(position: position, value: parseWord())
        case .some: throw stop("expected a value, found \(found())", nil)
        case .none: throw stop("the file ends where a value is expected", nil)
        }
    }

    private mutating func parseObject(_ opened: JSONPosition, depth: Int) throws(Stop) -> JSONValue {
        try open(depth: depth)
        var members: [JSONMember] = []
        var places: [String: JSONPosition] = [:]
        while try next(in: .object, opened, isFirst: places.isEmpty) {
            let keyPosition = here()
            let key = try parseKey(opened)
            path.steps.append(.key(key))
            if let first = places.updateValue(keyPosition, forKey: key) {
                places[key] = first
                report(
                    at: keyPosition, "the key is written twice",
                    "It stands at \(first.line):\(first.column) already; remove one of the two.")
            }
            try skipBlanks()
            guard peek() == UInt8(ascii: ":") else {
                throw stop("expected a colon after the key \(quoted(key)), found \(found())", nil)
            }
            index += 1
            try skipBlanks()
            let node = try parseValue(depth: depth + 1)
            path.steps.removeLast()
            if places[key] == keyPosition {
                members.append(JSONMember(key: key, keyPosition: keyPosition, node: node))
            }
        }
        return .object(members)
    }

    private mutating func parseArray(_ opened: JSONPosition, depth: Int) throws(Stop) -> JSONValue {
        try open(depth: depth)
        var elements: [JSONNode] = []
        while try next(in: .array, opened, isFirst: elements.isEmpty) {
            path.steps.append(.index(elements.count))
            elements.append(try parseValue(depth: depth + 1))
            path.steps.removeLast()
        }
        return .array(elements)
    }

    private mutating func parseKey(_ opened: JSONPosition) throws(Stop) -> String {
        switch peek() {
        case UInt8(ascii: "\""): return try parseString()
        case UInt8(ascii: "'"): throw stop("a single quote begins no key", "Write keys in double quotes.")
        case .some(let byte) where Self.isWord(byte):
            throw stop("a key without quotes", "Write keys in double quotes.")
        case .some: throw stop("expected a key, found \(found())", nil)
        case .none: throw unclosed("{", opened)
        }
    }

    // MARK: - Brackets and commas

    private enum Container: UInt8 {
        case object = 0x7D  // }
        case array = 0x5D  // ]
    }

    private mutating func open(depth: Int) throws(Stop) {
        guard depth < Self.maximumDepth else {
            throw stop("nested deeper than \(Self.maximumDepth) levels", nil)
        }
        index += 1
    }

    /// Steps over blanks, a comma and blanks to the next member or element; or over the closing bracket.
    private mutating func next(in container: Container, _ opened: JSONPosition, isFirst: Bool) throws(Stop) -> Bool {
        try skipBlanks()
        let (openSign, closeSign, otherSign) = container == .object ? ("{", "}", "]") : ("[", "]", "}")
        var comma: JSONPosition?
        if !isFirst, peek() == UInt8(ascii: ",") {
            comma = here()
            index += 1
            try skipBlanks()
        }
        switch peek() {
        case container.rawValue:
            if let comma { report(at: comma, "a comma before the closing \(closeSign)", "Remove the comma.") }
            index += 1
            return false
        case .none:
            throw unclosed(openSign, opened)
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            throw stop(
                "\(otherSign) closes what \(openSign) opened at \(opened.line):\(opened.column)",
                "Write \(closeSign), or close the inner one first.")
        case UInt8(ascii: ","):
            throw stop(isFirst ? "a comma before the first entry" : "two commas in a row", "Remove the comma.")
        case .some(let byte):
            if !isFirst, comma == nil { try missingComma(byte, closeSign) }
            return true
        }
    }

    private mutating func missingComma(_ byte: UInt8, _ closeSign: String) throws(Stop) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "{"), UInt8(ascii: "["):
            report(at: here(), "a comma is missing before this", "Write a comma after the entry before.")
        case _:
            throw stop("expected a comma or \(closeSign), found \(found())", nil)
        }
    }

    // MARK: - Places and problems

    func peek(_ ahead: Int = 0) -> UInt8? {
        index + ahead < bytes.count ? bytes[index + ahead] : nil
    }

    mutating func here() -> JSONPosition { position(of: index) }

    /// - Parameter target: Not before the last one asked for.
    mutating func position(of target: Int) -> JSONPosition {
        while mark.index < target, mark.index < bytes.count {
            let byte = bytes[mark.index]
            mark.index += 1
            if byte == UInt8(ascii: "\n") {
                mark.line += 1
                mark.column = 1
            } else if mark.index == bytes.count || bytes[mark.index] & 0xC0 != 0x80 {
                // The column moves on with the last byte of a scalar (RFC 3629 §3: continuation bytes are 10xxxxxx).
                mark.column += 1
            }
        }
        return JSONPosition(line: mark.line, column: mark.column)
    }

    mutating func report(at position: JSONPosition, _ message: String, _ hint: String?) {
        problems.append(
            ConfigProblem(
                file: file, line: position.line, column: position.column, path: path.description, message: message,
                hint: hint))
    }

    mutating func stop(_ message: String, _ hint: String?) -> Stop {
        report(at: here(), message, hint)
        return Stop()
    }

    private mutating func unclosed(_ sign: String, _ opened: JSONPosition) -> Stop {
        stop("the file ends before \(sign) is closed", "It was opened at \(opened.line):\(opened.column).")
    }

    /// What stands at the index, for a message.
    func found() -> String {
        guard let byte = peek() else { return "the end of the file" }
        let length = byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
        return quoted(String(decoding: bytes[index..<min(index + length, bytes.count)], as: UTF8.self))
    }
}
