// rtbridge: what an HTTP/1.1 connection's bytes say, and what comes of it.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire
import NIOCore

extension HTTP1Connection {
    /// Parses on, to the end of the request that is busy, or of those that are answered at once.
    func takeUnread() {
        guard !isParsing else { return }
        isParsing = true
        while unread.readableBytes > 0, isParsingWanted { received(parser.parse(&unread)) }
        isParsing = false
        guard unread.readableBytes > 0 else { return unread = ByteBuffer() }
        if phase == .tunnel { passUnread() }
    }

    var isParsingWanted: Bool {
        switch phase {
        case .idle: true
        // The back-end may be reached before the rest of the request was parsed.
        case .busy, .tunnel: stream?.hasRequestEnded == false
        case .lingering, .closed: false
        }
    }

    /// What stands behind the request is the tunnel's.
    func passUnread() {
        guard !isParsing, stream?.hasRequestEnded == true, unread.readableBytes > 0 else { return }
        let bytes = unread
        unread = ByteBuffer()
        received(bytes)
    }

    func received(_ parsed: HTTP1Parsed) {
        if let head = parsed.head { begin(head) }
        if phase == .busy, let body = parsed.body {
            received(body)
            for piece in parsed.moreBody where phase == .busy { received(piece) }
        }
        if parsed.isEnd { requestEnded(parsed.trailers) }
        if let violation = parsed.violation { broken(violation) }
    }

    private func requestEnded(_ trailers: FieldBlock?) {
        guard phase == .busy || phase == .tunnel, let stream else { return }
        stream.hasRequestEnded = true
        guard phase == .busy else { return }
        stream.handler?.requestEnded(trailers)
        requestOrAnswerEnded()
    }

    /// Nothing more can be parsed. Whole requests that came before are answered by now.
    private func broken(_ violation: HTTP1Violation) {
        switch phase {
        case .idle: refuseBroken(violation)
        case .busy: if stream?.hasAnswered == true { finishOutput() } else { refuseBroken(violation) }
        case .tunnel: context?.close(promise: nil)
        case .lingering, .closed: break
        }
    }

    /// The parser has given up: say why, and close.
    private func refuseBroken(_ violation: HTTP1Violation) {
        abandonStream("the request broke HTTP/1.1: \(violation)")
        guard context != nil else { return }
        let isTooLong = violation == .headTooLarge
        let stream = HTTP1Stream(self, HTTP1Head())
        self.stream = stream
        phase = .busy
        stream.closesAfterwards = true
        let limit = ingress.listener.limits.maxHeaderBytes
        let text =
            isTooLong
            ? "Header fields of more than \(limit) bytes (limits.maxHeaderBytes)." : "This is not a valid request."
        LocalAnswer.send(stream, status: isTooLong ? 431 : 400, text: text)
    }
}
