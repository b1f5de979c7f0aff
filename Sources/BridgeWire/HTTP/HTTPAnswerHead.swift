// rtbridge: the head of an HTTP/1.1 answer.
// SPDX-License-Identifier: Apache-2.0

/// A status line and fields, read strictly (RFC 9112 §4 and §5).
struct HTTPAnswerHead: Equatable {
    var status: Int
    var isHTTP10: Bool
    /// `:status` first; names in lower case, values without the white space around them.
    var fields: FieldBlock

    /// Reads a whole head.
    /// - Parameter bytes: up to and with the empty line.
    /// - Returns: `nil` if it is not one.
    init?(_ bytes: some Collection<UInt8>) {
        var lines = Self.lines(ContiguousArray(bytes))[...]
        guard let first = lines.popFirst(), let (status, isHTTP10) = Self.statusLine(first) else { return nil }
        (self.status, self.isHTTP10) = (status, isHTTP10)
        fields = FieldBlock()
        fields.append(":status", String(status).utf8)
        for line in lines where !Self.append(line, to: &fields) { return nil }
    }

    private typealias Line = ArraySlice<UInt8>

    /// The lines before the empty one. RFC 9112 §2.2: a line ends with CRLF; a bare CR or LF is left in its line, where
    /// nothing takes it.
    private static func lines(_ bytes: ContiguousArray<UInt8>) -> [Line] {
        let bytes = Array(bytes)
        var lines: [Line] = []
        var start = 0
        for index in bytes.indices.dropFirst() where bytes[index] == 0x0A && bytes[index - 1] == 0x0D && index > start {
            if index - 1 == start { break }
            lines.append(bytes[start..<(index - 1)])
            start = index + 1
        }
        return lines
    }

    /// RFC 9112 §4: `status-line = HTTP-version SP status-code SP [ reason-phrase ]`. Some servers leave the last SP out.
    private static func statusLine(_ line: Line) -> (status: Int, isHTTP10: Bool)? {
        let isHTTP10 = line.starts(with: "HTTP/1.0 ".utf8)
        guard isHTTP10 || line.starts(with: "HTTP/1.1 ".utf8) else { return nil }
        let rest = line.dropFirst(9)
        let digits = rest.prefix(3)
        guard digits.count == 3, digits.allSatisfy({ 0x30...0x39 ~= $0 }) else { return nil }
        guard rest.count == 3 || rest[rest.startIndex + 3] == 0x20, rest.allSatisfy(isText) else { return nil }
        let status = digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
        return status >= 100 ? (status, isHTTP10) : nil
    }

    /// RFC 9112 §5: `field-line = field-name ":" OWS field-value OWS`. "No whitespace is allowed between the field name
    /// and colon" (§5.1); a line that begins with white space is a fold, which is obsolete (§5.2).
    private static func append(_ line: Line, to fields: inout FieldBlock) -> Bool {
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { return false }
        let (name, value) = (line[..<colon], line[(colon + 1)...])
        guard FieldTokens.isToken(name), value.allSatisfy(isText) else { return false }
        name.withUnsafeBytes { name in
            value.withUnsafeBytes { fields.append(name: name, value: FieldTokens.trimmed($0)) }
        }
        return true
    }

    /// RFC 9110 §5.5: VCHAR, obs-text, SP and HTAB.
    private static func isText(_ byte: UInt8) -> Bool { byte >= 0x20 && byte != 0x7F || byte == 0x09 }
}

// MARK: - What follows it

extension HTTPAnswerHead {
    /// How the end of the body is told (RFC 9112 §6.3).
    enum Body: Equatable { case none, length(Int), chunked, untilClose }

    /// - Returns: `nil` if the fields contradict themselves.
    var body: Body? {
        if status < 200 || status == 204 || status == 304 { return Body.none }
        let codings = FieldTokens.elements(fields, "transfer-encoding").map { $0.lowercased() }
        if let last = codings.last {
            // RFC 9112 §6.3: Transfer-Encoding together with Content-Length "ought to be handled as an error".
            guard !fields.contains("content-length"), !isHTTP10 else { return nil }
            guard last == "chunked" else { return .untilClose }
            return codings.count == 1 ? .chunked : nil
        }
        let lengths = FieldTokens.elements(fields, "content-length")
        guard let first = lengths.first else { return .untilClose }
        guard lengths.allSatisfy({ $0 == first }), first.utf8.allSatisfy({ 0x30...0x39 ~= $0 }), let length = Int(first)
        else { return nil }
        return .length(length)
    }
}
