// rtbridge: a message for a session of server-sent events.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire
import NIOCore

/// One POST. Its body is gathered, since it is one message, and answered with 204 once the back-end's side has taken it.
final class SSEPost {
    private let request: FrontRequest
    private let stream: any HTTPFrontStream
    private let name: String
    private let limit: Int
    private var body = ByteBuffer()
    private var isOver = false

    init(_ request: FrontRequest, _ name: String) {
        self.request = request
        self.name = name
        stream = request.stream
        limit = request.route.config.sse.maxMessageBytes
    }

    func start() {
        stream.handler = self
        guard let length = request.head.fields.string("content-length").flatMap({ Int($0) }), length > limit else {
            return
        }
        refuseAsTooLong()
    }

    /// Ends a session: DELETE.
    static func end(_ request: FrontRequest, _ name: String) {
        guard let entry = request.worker.sessions.find(name, route: request.route.name) else {
            return SSEFront.answer(request, 404, unknown)
        }
        SSELoops.run(on: entry.session.eventLoop) { (entry.session.value as? SSESession)?.close() }
        SSEFront.answer(request, 204, nil)
    }

    private static let unknown = "There is no such session, or it is over."

    private func refuseAsTooLong() { answer(413, "A message of more than \(limit) bytes (sse.maxMessageBytes).") }

    private func answer(_ status: Int, _ text: String?) {
        guard !isOver else { return }
        isOver = true
        stream.handler = nil
        SSEFront.answer(request, status, text)
    }

    private func send() {
        guard let entry = request.worker.sessions.find(name, route: request.route.name) else {
            return answer(404, Self.unknown)
        }
        let bound = NIOLoopBound(self, eventLoop: request.worker.eventLoop)
        let loop = request.worker.eventLoop
        let message = body
        SSELoops.run(on: entry.session.eventLoop) {
            let answer: @Sendable (Int, String?) -> Void = { status, text in
                SSELoops.run(on: loop) {
                    bound.value.request.worker.refreshClock()
                    bound.value.answer(status, text)
                }
            }
            guard let session = entry.session.value as? SSESession else { return answer(404, Self.unknown) }
            session.post(message, answer)
        }
    }
}

extension SSEPost: HTTPFrontHandler {
    func requestBody(_ bytes: ByteBuffer) {
        stream.consume(bytes.readableBytes)
        guard !isOver else { return }
        guard body.readableBytes + bytes.readableBytes <= limit else { return refuseAsTooLong() }
        body.writeImmutableBuffer(bytes)
    }

    func requestEnded(_ trailers: FieldBlock?) { if !isOver { send() } }

    /// What was sent to its end is on its way all the same.
    func requestAborted(_ reason: String) { isOver = true }

    func responseWritable() {}
    func drain() {}
}

@available(*, unavailable)
extension SSEPost: Sendable {}
