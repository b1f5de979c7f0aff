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
    private static func isOfGateway(_ status: UnsafeRawBufferPointer) -> Bool {
        FieldBytes.areEqual(status, "502") || FieldBytes.areEqual(status, "503") || FieldBytes.areEqual(status, "504")
    }

    static func of(_ head: FieldBlock) -> HTTPOutcome {
        head.withFirst(":status", isOfGateway) == true ? .failed : .succeeded
    }
}
