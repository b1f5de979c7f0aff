// rtbridge: what a hash looks at, as text.
// SPDX-License-Identifier: Apache-2.0

enum HashText {
    private static let example = #"Write "header:NAME", "cookie:NAME" or "clientIP"."#

    static func parse(_ text: String) throws(Fault) -> HashOn {
        if text == "clientIP" { return .clientIP }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2 else { throw Fault("is nothing that a hash can look at", hint: example) }
        switch parts[0] {
        case "header": return .header(try MatchText.fieldName(parts[1]))
        case "cookie":
            // RFC 6265 §4.1.1: `cookie-name = token`.
            guard Ascii.isToken(parts[1]) else { throw Fault("has no name of a cookie in it", hint: example) }
            return .cookie(parts[1])
        case _: throw Fault("is nothing that a hash can look at", hint: example)
        }
    }

    static func write(_ hashOn: HashOn) -> String {
        switch hashOn {
        case .header(let name): "header:\(name)"
        case .cookie(let name): "cookie:\(name)"
        case .clientIP: "clientIP"
        }
    }
}
