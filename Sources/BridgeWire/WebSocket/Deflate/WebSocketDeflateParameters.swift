// rtbridge: what two WebSocket endpoints agree on for compression.
// SPDX-License-Identifier: Apache-2.0

/// The parameters of `permessage-deflate` (RFC 7692 §7.1).
public struct WebSocketDeflateParameters: Equatable, Sendable {
    public static let name = "permessage-deflate"

    /// §7.1.2: "a decimal integer value without leading zeros between 8 to 15, inclusive".
    static let windowBits = 8...15
    /// What this side asks for where it may: a window of 4 KiB, so that a session costs some 30 KiB and not 300.
    static let preferredWindowBits = 12

    /// The server begins each message anew.
    public var serverNoContextTakeover = false
    public var clientNoContextTakeover = false
    /// The base-2 logarithm of the window of what the server compresses.
    public var serverMaxWindowBits = 15
    public var clientMaxWindowBits = 15

    public init() {}
}

// MARK: - Elements

extension WebSocketDeflateParameters {
    /// An element of `Sec-WebSocket-Extensions` in either direction, checked for what holds in both.
    struct Element {
        var parameters = WebSocketDeflateParameters()
        var namesServerBits = false
        var namesClientBits = false
        /// An offer may name `client_max_window_bits` without a value (§7.1.2.2).
        var hasClientBits = false

        /// - Returns: `nil` if a parameter is unknown, there twice, or has a value that it cannot have (§7.1: such an offer
        ///   is to be declined, and such an answer to fail the connection).
        init?(_ element: WebSocketExtensionOffer) {
            var seen: Set<String> = []
            for parameter in element.parameters {
                guard seen.insert(parameter.name).inserted, take(parameter) else { return nil }
            }
        }

        private mutating func take(_ parameter: WebSocketExtensionOffer.Parameter) -> Bool {
            switch (parameter.name, parameter.value) {
            case ("server_no_context_takeover", nil): parameters.serverNoContextTakeover = true
            case ("client_no_context_takeover", nil): parameters.clientNoContextTakeover = true
            case ("client_max_window_bits", nil): namesClientBits = true
            case ("server_max_window_bits", .some(let text)):
                guard let bits = Self.bits(text) else { return false }
                parameters.serverMaxWindowBits = bits
                namesServerBits = true
            case ("client_max_window_bits", .some(let text)):
                guard let bits = Self.bits(text) else { return false }
                parameters.clientMaxWindowBits = bits
                (namesClientBits, hasClientBits) = (true, true)
            default: return false
            }
            return true
        }

        private static func bits(_ text: String) -> Int? {
            guard let bits = Int(text), windowBits.contains(bits), String(bits) == text else { return nil }
            return bits
        }
    }
}

// MARK: - The server's side

extension WebSocketDeflateParameters {
    /// The first of the client's offers that this side can take, and the answer to it.
    ///
    /// What the client asks of the server is granted. Of a client that says it can (§7.1.2.2) a smaller window is asked.
    public static func accept(
        _ offers: [WebSocketExtensionOffer]
    ) -> (parameters: WebSocketDeflateParameters, answer: WebSocketExtensionOffer)? {
        for offer in offers where offer.name == name {
            guard let element = Element(offer) else { continue }
            var agreed = element.parameters
            var answer = WebSocketExtensionOffer(name: name)
            if agreed.serverNoContextTakeover { answer.parameters.append(.init(name: "server_no_context_takeover")) }
            if agreed.clientNoContextTakeover { answer.parameters.append(.init(name: "client_no_context_takeover")) }
            if element.namesServerBits {
                answer.parameters.append(
                    .init(name: "server_max_window_bits", value: String(agreed.serverMaxWindowBits)))
            }
            if element.namesClientBits {
                agreed.clientMaxWindowBits = min(agreed.clientMaxWindowBits, preferredWindowBits)
                answer.parameters.append(
                    .init(name: "client_max_window_bits", value: String(agreed.clientMaxWindowBits)))
            }
            return (agreed, answer)
        }
        return nil
    }
}

// MARK: - The client's side

extension WebSocketDeflateParameters {
    /// What is offered to a server: any window of its own that it likes, and one of ours that it may choose.
    public static let offer = WebSocketExtensionOffer(
        name: name,
        parameters: [
            .init(name: "server_max_window_bits", value: String(preferredWindowBits)),
            .init(name: "client_max_window_bits"),
        ])

    /// Checks a server's answer to ``offer``.
    /// - Returns: `nil` if it is not one (§7.1: the client must fail the connection).
    public init?(answer: WebSocketExtensionOffer) {
        guard answer.name == Self.name, let element = Element(answer) else { return nil }
        // §7.1.2.2: in an answer the parameter has a value. §7.1.2.1: an accepted window is no larger than the one offered; a
        // server that does not say may use any.
        guard element.namesClientBits == element.hasClientBits else { return nil }
        guard !element.namesServerBits || element.parameters.serverMaxWindowBits <= Self.preferredWindowBits else {
            return nil
        }
        self = element.parameters
    }
}
