// rtbridge: what in the head of an HTTP/1.1 message others might read in another way.
// SPDX-License-Identifier: Apache-2.0

/// Checks of heads that llhttp has taken. It has refused two lengths, a length beside a transfer coding, and requests
/// where chunked is not the last coding.
public enum HTTP1Framing {
    /// What of `Transfer-Encoding` the next in line might read in another way, a clause; nil: nothing.
    public static func codingProblem(_ fields: FieldBlock, isHTTP10: Bool) -> String? {
        guard fields.contains("transfer-encoding") else { return nil }
        // RFC 9112 §6.1: "MUST treat the message as if the framing is faulty".
        guard !isHTTP10 else { return "HTTP/1.0 has no Transfer-Encoding" }
        var (count, isChunked) = (0, true)
        fields.forEach { name, value in
            guard FieldBytes.areEqual(name, "transfer-encoding") else { return }
            count += 1
            isChunked = isChunked && FieldTokens.areEqual(FieldTokens.trimmed(value), ignoringCase: "chunked")
        }
        // A coding that is passed on undone would be taken for the content.
        return count == 1 && isChunked ? nil : "Transfer-Encoding is not chunked alone"
    }

    /// Appends `:authority` to a request's fields, and makes `:path` of its target.
    /// - Returns: why it is to be answered with 400, a sentence.
    static func complete(_ fields: inout FieldBlock, isHTTP10: Bool) -> String? {
        var hosts = 0
        fields.forEach { name, value in
            guard FieldBytes.areEqual(name, "host") else { return }
            // A list of hosts is more than one.
            hosts += FieldBytes.firstIndex(of: UInt8(ascii: ","), in: value) == nil ? 1 : 2
        }
        // RFC 9112 §3.2: 400 for a request "that lacks a Host header field and … that contains more than one".
        guard hosts == 1 || hosts == 0 && isHTTP10 else {
            return hosts == 0 ? "The Host field is missing." : "More than one Host field."
        }
        if let problem = codingProblem(fields, isHTTP10: isHTTP10) { return problem + "." }
        let isPath = fields.withFirst(":path") { $0.first == UInt8(ascii: "/") || FieldBytes.areEqual($0, "*") }
        if isPath == true {
            fields.append(":authority", copyOf: fields.range(of: "host") ?? 0..<0)
        } else if let problem = takeAbsolute(&fields) {
            return problem
        }
        return fields.withFirst(":authority", HTTP1Target.isAuthority) == true
            ? nil : "The Host field is not a host and a port."
    }

    /// RFC 9112 §3.2.2: the absolute form. Whoever reads Host instead must not be led elsewhere.
    private static func takeAbsolute(_ fields: inout FieldBlock) -> String? {
        let target = fields.string(":path") ?? ""
        guard let scheme = target.firstRange(of: "://") else {
            return "The request target is neither a path nor a URL."
        }
        let rest = target[scheme.upperBound...]
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        let authority = String(rest[..<end])
        if let host = fields.string("host"), authority.lowercased() != host.lowercased() {
            return "The request target and the Host field name different hosts."
        }
        let path = rest[end...].hasPrefix("/") ? String(rest[end...]) : "/" + rest[end...]
        let request = fields
        fields = FieldBlock()
        request.forEach { name, value in
            if FieldBytes.areEqual(name, ":path") {
                fields.append(":path", path.utf8)
            } else {
                fields.append(lowercaseName: name, value: value)
            }
        }
        fields.append(":authority", authority.utf8)
        return nil
    }
}
