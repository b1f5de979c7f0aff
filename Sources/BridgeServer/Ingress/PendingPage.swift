// rtbridge: a page that is being made.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire
import NIOCore

/// Answers a request once the page is there, if the client still is.
final class PendingPage: HTTPFrontHandler {
    private var stream: (any HTTPFrontStream)?

    init(_ stream: any HTTPFrontStream) { self.stream = stream }

    func complete(_ result: Result<LocalPage, any Error>) {
        guard let stream else { return }
        self.stream = nil
        switch result {
        case .success(let page):
            LocalAnswer.send(stream, status: page.status, fields: page.fields, body: page.body)
        case .failure: LocalAnswer.send(stream, status: 503, text: "rtbridge is shutting down.")
        }
    }

    func requestBody(_ bytes: ByteBuffer) { stream?.consume(bytes.readableBytes) }
    func requestEnded(_ trailers: FieldBlock?) {}
    func requestAborted(_ reason: String) { stream = nil }
    func responseWritable() {}
    func drain() {}
}

@available(*, unavailable)
extension PendingPage: Sendable {}
