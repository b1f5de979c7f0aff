// rtbridge: what an error of TLS means to a call or session.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import NIOCore
import NIOOpenSSL

extension Dialer {
    /// A connection that was lost before the handshake was complete.
    static func shakingFailed(_ error: (any Error)?, _ address: String) -> Failure {
        if let error = error as? TLSError { return failure(error, address) }
        let reason = (error as? IOError).map(Errno.text) ?? "the connection was closed during the handshake"
        return Failure(.tlsFailed, .back, .tls, reason, address: address)
    }

    static func failure(_ error: TLSError, _ address: String) -> Failure {
        // RFC 8446 §6.1: without a close_notify nobody knows whether the end is the end.
        guard error.kind != .truncated else {
            return Failure(
                .connectionLost, .back, .body, "the back-end ended the TLS connection without a close_notify",
                address: address)
        }
        return Failure(.tlsFailed, .back, .tls, reason(error), address: address)
    }

    private static func reason(_ error: TLSError) -> String {
        var reason = error.reason
        if let alert = error.peerAlert { reason += ", the back-end sent the alert \"\(alert)\"" }
        if error.isForWantOfCertificate {
            return "the back-end wants a client certificate (tls.certFile, tls.keyFile): " + reason
        }
        switch error.certificateProblem {
        case .name: reason += " (tls.serverName)"
        case .untrusted: reason += " (tls.caFile)"
        case .other, nil: break
        }
        if let path = error.path { reason = "\(path): \(reason)" }
        return reason
    }
}
