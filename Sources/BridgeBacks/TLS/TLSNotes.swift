// rtbridge: TLS failures of a back-end in the log, and no more of them than somebody reads.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import NIOCore

/// Somebody must act on a certificate that is wrong, so it is a warning; the same failure is told once in a while.
final class TLSNotes {
    private static let interval = TimeAmount.seconds(10)

    private var last: (reason: String, at: NIODeadline)?

    func note(_ failure: Failure, of name: String, _ worker: Worker) {
        guard failure.phase == .tls else { return }
        if let last, last.reason == failure.reason, worker.now - last.at < Self.interval { return }
        last = (failure.reason, worker.now)
        worker.logger.warning(
            "no TLS to the back-end",
            metadata: [
                "back.name": "\(name)", "back.address": "\(failure.address ?? "")", "reason": "\(failure.reason)",
            ])
    }
}

@available(*, unavailable)
extension TLSNotes: Sendable {}
