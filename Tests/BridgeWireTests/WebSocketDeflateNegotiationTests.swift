// rtbridge: the negotiation of permessage-deflate.
// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import BridgeWire

@Suite struct WebSocketDeflateNegotiationTests {
    private static func elements(_ text: String) throws -> [WebSocketExtensionOffer] {
        try WebSocketHandshake.extensions(FieldBlock(["sec-websocket-extensions": text]))
    }

    private static func parameters(_ change: (inout WebSocketDeflateParameters) -> Void) -> WebSocketDeflateParameters {
        var parameters = WebSocketDeflateParameters()
        change(&parameters)
        return parameters
    }

    /// RFC 7692 §7.1.3 has most of these.
    static let offers: [(String, String, WebSocketDeflateParameters)] = [
        ("permessage-deflate", "permessage-deflate", parameters { _ in }),
        (
            "permessage-deflate; client_max_window_bits; server_max_window_bits=10",
            "permessage-deflate; server_max_window_bits=10; client_max_window_bits=12",
            parameters { ($0.serverMaxWindowBits, $0.clientMaxWindowBits) = (10, 12) }
        ),
        (
            "permessage-deflate; client_max_window_bits; server_max_window_bits=7, "
                + "permessage-deflate; client_max_window_bits",
            "permessage-deflate; client_max_window_bits=12", parameters { $0.clientMaxWindowBits = 12 }
        ),
        (
            "x-webkit-deflate-frame, permessage-deflate; client_max_window_bits=9",
            "permessage-deflate; client_max_window_bits=9", parameters { $0.clientMaxWindowBits = 9 }
        ),
        (
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            parameters { ($0.serverNoContextTakeover, $0.clientNoContextTakeover) = (true, true) }
        ),
        (
            "permessage-deflate; server_max_window_bits=\"8\"", "permessage-deflate; server_max_window_bits=8",
            parameters { $0.serverMaxWindowBits = 8 }
        ),
        (
            "permessage-deflate; server_max_window_bits=15", "permessage-deflate; server_max_window_bits=15",
            parameters { _ in }
        ),
    ]

    @Test(arguments: offers)
    func anOfferIsTakenAndAnswered(
        _ offer: String, _ answer: String, _ agreed: WebSocketDeflateParameters
    ) throws {
        let result = try #require(WebSocketDeflateParameters.accept(try Self.elements(offer)))
        #expect(result.answer.description == answer)
        #expect(result.parameters == agreed)
    }

    /// §7.1: "A server MUST decline an extension negotiation offer" of each of these kinds.
    @Test(arguments: [
        "", "permessage-bzip2", "permessage-deflate; unknown", "permessage-deflate; unknown=1",
        "permessage-deflate; server_max_window_bits", "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=16", "permessage-deflate; server_max_window_bits=08",
        "permessage-deflate; server_max_window_bits=+9", "permessage-deflate; server_max_window_bits=1e1",
        "permessage-deflate; client_max_window_bits=", "permessage-deflate; client_max_window_bits=99",
        "permessage-deflate; server_no_context_takeover=1", "permessage-deflate; client_no_context_takeover=true",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; client_max_window_bits; client_max_window_bits=9",
    ])
    func anOfferThatIsNotInOrderIsDeclined(_ offer: String) {
        // A value that is no token does not even get as far.
        guard let elements = try? Self.elements(offer) else { return }
        #expect(WebSocketDeflateParameters.accept(elements) == nil)
    }

    static let answers: [(String, WebSocketDeflateParameters?)] = [
        ("permessage-deflate", parameters { _ in }),
        (
            "permessage-deflate; server_max_window_bits=9; client_max_window_bits=10",
            parameters { ($0.serverMaxWindowBits, $0.clientMaxWindowBits) = (9, 10) }
        ),
        (
            "permessage-deflate; server_max_window_bits=12; client_no_context_takeover; server_no_context_takeover",
            parameters {
                $0.serverMaxWindowBits = 12
                ($0.serverNoContextTakeover, $0.clientNoContextTakeover) = (true, true)
            }
        ),
        ("permessage-deflate; server_max_window_bits=13", nil), ("permessage-deflate; client_max_window_bits", nil),
        ("permessage-deflate; x", nil), ("permessage-bzip2", nil),
        ("permessage-deflate; server_max_window_bits=9; server_max_window_bits=9", nil),
    ]

    @Test(arguments: answers)
    func aServersAnswerIsTakenOrRefused(_ text: String, _ agreed: WebSocketDeflateParameters?) throws {
        let answer = try #require(try Self.elements(text).first)
        #expect(WebSocketDeflateParameters(answer: answer) == agreed)
    }

    @Test func whatIsOfferedToAServerIsNotMoreThanItMayAnswer() {
        #expect(
            WebSocketDeflateParameters.offer.description
                == "permessage-deflate; server_max_window_bits=12; client_max_window_bits")
        #expect(WebSocketDeflateParameters.accept([WebSocketDeflateParameters.offer]) != nil)
    }
}
