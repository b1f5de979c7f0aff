// rtbridge: what an HTTP request says of its endpoint.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire

/// How a request ended, as far as its endpoint is concerned.
enum HTTPOutcome {
    case succeeded
    /// The endpoint gave no answer, or said that what is behind it is not there.
    case failed
    /// Nothing can be said of the endpoint.
    case given

    /// RFC 9110 §15.6.3 to §15.6.5: bad gateway, unavailable, gateway timeout. Every other status is an answer.
    static func of(_ head: FieldBlock) -> HTTPOutcome {
        switch head.string(":status") {
        case "502", "503", "504": .failed
        case .some, nil: .succeeded
        }
    }
}
