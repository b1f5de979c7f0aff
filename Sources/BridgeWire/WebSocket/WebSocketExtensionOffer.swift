// rtbridge: an extension in a WebSocket handshake.
// SPDX-License-Identifier: Apache-2.0

/// One extension that is offered or agreed upon (RFC 6455 §9.1).
public struct WebSocketExtensionOffer: Equatable, Sendable {
    public struct Parameter: Equatable, Sendable {
        public var name: String
        public var value: String?

        public init(name: String, value: String? = nil) {
            self.name = name
            self.value = value
        }
    }

    public var name: String
    public var parameters: [Parameter]

    public init(name: String, parameters: [Parameter] = []) {
        self.name = name
        self.parameters = parameters
    }

    /// Reads one element of the list: `token *( OWS ";" OWS token [ "=" ( token / quoted-string ) ] )`.
    /// - Returns: `nil` if it is not of that form. RFC 6455 §9.1: a quoted value, unescaped, must be a token too.
    init?(_ element: String) {
        var isQuoted = false
        let parts = element.split(omittingEmptySubsequences: false) { character in
            if character == "\"" { isQuoted.toggle() }
            return character == ";" && !isQuoted
        }
        guard let first = parts.first.map(Self.trimmed), FieldTokens.isToken(first.utf8) else { return nil }
        name = first
        parameters = []
        for part in parts.dropFirst() {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(Self.trimmed)
            guard FieldTokens.isToken(sides[0].utf8) else { return nil }
            var parameter = Parameter(name: sides[0])
            if sides.count == 2 {
                guard let value = Self.unquoted(sides[1]), FieldTokens.isToken(value.utf8) else { return nil }
                parameter.value = value
            }
            parameters.append(parameter)
        }
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        var text = Substring(text)
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return String(text)
    }

    /// RFC 9110 §5.6.4: without the quotes, and without the backslash of a quoted pair.
    private static func unquoted(_ text: String) -> String? {
        guard text.first == "\"" else { return text }
        guard text.count >= 2, text.last == "\"" else { return nil }
        var value = ""
        var isEscaped = false
        for character in text.dropFirst().dropLast() {
            if !isEscaped, character == "\\" {
                isEscaped = true
            } else {
                value.append(character)
                isEscaped = false
            }
        }
        return isEscaped ? nil : value
    }
}

extension WebSocketExtensionOffer: CustomStringConvertible {
    /// As it stands in `Sec-WebSocket-Extensions`.
    public var description: String {
        parameters.reduce(into: name) { text, parameter in
            text += "; \(parameter.name)"
            if let value = parameter.value { text += "=\(value)" }
        }
    }
}
