// rtbridge: the head of a back-end's answer, looked at before it is believed.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire

/// What llhttp has taken for a response. llhttp refuses two lengths, a length beside a transfer
/// coding, and lines that are not HTTP/1.x; here is refused what it takes and the bridge could not pass on faithfully.
enum HTTPResponse {
    /// Of names and values together.
    static let maximumHeadBytes = 64 * 1024
    /// Interim responses to one request; further ones are dropped.
    static let maximumInterim = 16

    /// What is wrong with it, a clause; nil: nothing.
    static func problem(_ head: HTTP1Head) -> String? {
        guard 100...599 ~= head.status else { return "the status \(head.status) is none" }
        // RFC 9110 §15.2.2: only a client that asked is switched, and the bridge never asks.
        guard head.status != 101 else { return "it switches protocols, which nobody asked for" }
        return HTTP1Framing.codingProblem(head.fields, isHTTP10: head.isHTTP10)
    }

    /// Whether an error is the parser's: the back-end has answered, and wrongly.
    static func isBroken(_ error: any Error) -> Bool { error is HTTP1Violation }

    /// What an error of the connection or of the parser means.
    static func failure(_ error: any Error, hasHead: Bool, _ address: String) -> Failure {
        let phase: Failure.Phase = hasHead ? .body : .headers
        let kind: Failure.Kind
        let reason: String
        switch error {
        case let violation as HTTP1Violation where violation == .endedEarly:
            kind = .connectionLost
            reason = "the back-end closed the connection " + (hasHead ? "within its answer" : "before it answered")
        case let violation as HTTP1Violation where violation == .headTooLarge:
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
    static func keepAliveSeconds(_ fields: FieldBlock) -> Int64? {
        guard fields.contains("keep-alive") else { return nil }
        for part in FieldTokens.elements(fields, "keep-alive") {
            let pair = part.split(separator: "=", maxSplits: 1)
            guard pair.count == 2, pair[0].filter({ $0 != " " }).lowercased() == "timeout" else { continue }
            return UInt32(pair[1].filter { $0 != " " }).map(Int64.init)
        }
        return nil
    }
}
