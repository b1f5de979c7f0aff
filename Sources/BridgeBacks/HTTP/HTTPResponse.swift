// rtbridge: the head of a back-end's answer, looked at before it is believed.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire
import NIOCore
import NIOHTTP1

/// What llhttp has taken for a response, as a block of fields. llhttp refuses two lengths, a length beside a transfer
/// coding, and lines that are not HTTP/1.x; here is refused what it takes and the bridge could not pass on faithfully.
enum HTTPResponse {
    /// Of names and values together.
    static let maximumHeadBytes = 64 * 1024
    /// Interim responses to one request; further ones are dropped.
    static let maximumInterim = 16

    /// - Returns: the fields with `:status`, or what is wrong.
    static func check(_ head: HTTPResponseHead) -> Result<FieldBlock, Problem> {
        let status = Int(head.status.code)
        guard 100...599 ~= status else { return .failure(Problem("the status \(status) is none")) }
        // RFC 9110 §15.2.2: only a client that asked is switched, and the bridge never asks.
        guard status != 101 else { return .failure(Problem("it switches protocols, which nobody asked for")) }
        let codings = head.headers["transfer-encoding"]
        if !codings.isEmpty {
            // RFC 9112 §6.1: HTTP/1.0 has none; and a coding that is passed on undone would be taken for the content.
            guard head.version.minor > 0 else { return .failure(Problem("HTTP/1.0 has no Transfer-Encoding")) }
            guard codings.count == 1, codings[0].lowercased() == "chunked" else {
                return .failure(Problem("Transfer-Encoding is not chunked alone"))
            }
        }
        var fields = FieldBlock()
        fields.append(":status", String(status).utf8)
        for (name, value) in head.headers { fields.append(name, value) }
        return .success(fields)
    }

    struct Problem: Error, Equatable {
        let text: String
        init(_ text: String) { self.text = text }
    }

    /// Whether an error is the parser's: the back-end has answered, and wrongly.
    static func isBroken(_ error: any Error) -> Bool { error is HTTPParserError || error is NIOHTTPDecoderError }

    /// What an error of the connection or of the parser means.
    static func failure(_ error: any Error, hasHead: Bool, _ address: String) -> Failure {
        let phase: Failure.Phase = hasHead ? .body : .headers
        let kind: Failure.Kind
        let reason: String
        switch error {
        case HTTPParserError.invalidEOFState, HTTPParserError.closedConnection:
            kind = .connectionLost
            reason = "the back-end closed the connection " + (hasHead ? "within its answer" : "before it answered")
        case HTTPParserError.headerOverflow:
            kind = .protocolViolation
            reason = "the answer's head has more than \(maximumHeadBytes) bytes or 256 fields"
        case _ where isBroken(error):
            kind = .protocolViolation
            reason = "the answer breaks HTTP/1.1: \(error)"
        case _:
            var failure = Dialer.lost(error, address)
            if failure.phase == .body { failure.phase = phase }
            return failure
        }
        return Failure(kind, .back, phase, reason, address: address)
    }

    /// How long the back-end says that it keeps the connection: `Keep-Alive: timeout=5`, which no RFC defines and Node.js,
    /// Apache and others send.
    static func keepAliveSeconds(_ head: HTTPResponseHead) -> Int64? {
        for value in head.headers["keep-alive"] {
            for part in value.split(separator: ",") {
                let pair = part.split(separator: "=", maxSplits: 1)
                guard pair.count == 2, pair[0].filter({ $0 != " " }).lowercased() == "timeout" else { continue }
                return UInt32(pair[1].filter { $0 != " " }).map(Int64.init)
            }
        }
        return nil
    }
}
