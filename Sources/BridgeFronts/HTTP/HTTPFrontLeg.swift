// rtbridge: the client's side of an HTTP request.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeTelemetry
import BridgeWire
import NIOCore

/// One request and its answer. Nothing is gathered: each piece of either body goes on as it comes.
///
/// ```
/// asking ──backOpened──▶ answering ──finish | fail──▶ over
///    └───────────────────fail─────────────────────────▶
/// ```
final class HTTPFrontLeg {
    private enum Phase { case asking, answering, over }

    private let request: FrontRequest
    private let stream: any HTTPFrontStream
    private let startedAt: NIODeadline
    private var exchange: Exchange!
    private var phase = Phase.asking
    private var status = 0
    /// Bytes of the request that the back-end's side has not taken yet.
    private var untaken = 0

    init(_ request: FrontRequest) {
        self.request = request
        stream = request.stream
        startedAt = request.worker.now
    }

    func start() {
        let config = request.route.config
        exchange = Exchange(
            front: self, request: HTTPFields.request(request.head, forwarded: config.http.forwarded),
            client: request.head.connection.client, connection: request.head.connection, route: request.route,
            worker: request.worker)
        stream.handler = self
        var deadline = config.timeouts.deadline
        if let longest = config.timeouts.maxDeadline { deadline = min(deadline ?? longest, longest) }
        exchange.open(deadline: deadline.map { startedAt + TimeAmount($0) }, idle: request.route.idle)
    }

    private func addCORS(_ fields: inout FieldBlock) {
        guard let cors = request.route.cors, let origin = cors.allowedOrigin(request.head.fields) else { return }
        let names = HTTPFields.names(fields)
        cors.decorate(&fields, origin: origin, exposingOnly: names)
    }

    /// RFC 9110 §6.4.1: responses to HEAD, and those with 204 and 304, have no content.
    private var hasNoContent: Bool { request.head.method == .head || status == 204 || status == 304 }

    private func note(_ failure: Failure?) {
        let (request, exchange, status) = (request, exchange!, status)
        request.worker.note(
            AccessRecord(
                route: request.route.name, front: "http", client: request.head.connection.client,
                path: String(decoding: request.head.path, as: UTF8.self), status: String(status),
                failure: failure?.kind.rawValue ?? "", timeout: failure?.timeout?.rawValue ?? "",
                back: exchange.backAddress ?? failure?.address ?? "", bytesIn: exchange.bytesIn,
                bytesOut: exchange.bytesOut,
                duration: .nanoseconds((request.worker.eventLoop.now - startedAt).nanoseconds)))
    }
}

extension HTTPFrontLeg: FrontLeg {
    var isWritable: Bool { stream.isWritable }

    var deadlineKey: String {
        let timeouts = request.route.config.timeouts
        guard let longest = timeouts.maxDeadline, (timeouts.deadline ?? longest) >= longest else {
            return "timeouts.deadline"
        }
        return "timeouts.maxDeadline"
    }

    func backInformed(_ head: FieldBlock) {
        guard phase == .asking else { return }
        stream.inform(HTTPFields.response(head, hasPolicy: false))
    }

    func backOpened(_ head: FieldBlock?) {
        guard phase == .asking, let head else { return }
        phase = .answering
        status = head.withFirst(":status", HTTPFields.status) ?? 200
        var fields = HTTPFields.response(head, hasPolicy: request.route.cors != nil)
        addCORS(&fields)
        stream.respond(fields, endStream: hasNoContent)
    }

    func deliver(_ bytes: ByteBuffer, _ flags: BodyFlags) {
        guard phase == .answering else { return }
        stream.write(bytes)
    }

    func finish(_ trailers: FieldBlock?) {
        guard phase == .answering else { return }
        phase = .over
        stream.finish(HTTPFields.trailers(trailers))
        note(nil)
        letIn()
    }

    func fail(_ failure: Failure) {
        guard phase != .over else { return }
        let hadBegun = phase == .answering
        phase = .over
        if hadBegun {
            stream.reset()
        } else {
            status = failure.httpStatus
            answerError(failure)
        }
        note(failure)
        letIn()
    }

    private func answerError(_ failure: Failure) {
        var extra = FieldBlock()
        addCORS(&extra)
        let text = failure.message(route: request.route.name, isBrief: request.route.isBrief)
        LocalAnswer.send(stream, status: failure.httpStatus, extra: extra, text: text)
    }

    func taken() { letIn() }

    private func letIn() {
        guard untaken > 0 else { return }
        let count = untaken
        untaken = 0
        stream.consume(count)
    }
}

extension HTTPFrontLeg: HTTPFrontHandler {
    var passesExpectation: Bool { true }

    func requestBody(_ bytes: ByteBuffer) {
        guard phase != .over else { return stream.consume(bytes.readableBytes) }
        untaken += bytes.readableBytes
        exchange.frontBody(bytes)
    }

    func requestEnded(_ trailers: FieldBlock?) {
        guard phase != .over else { return }
        exchange.frontEnded(HTTPFields.trailers(trailers))
    }

    func requestAborted(_ reason: String) {
        guard phase != .over else { return }
        phase = .over
        let failure = Failure(.aborted, .front, .body, reason)
        note(failure)
        exchange.frontAborted(failure)
    }

    func responseWritable() { exchange.frontWritable() }

    /// Requests end by themselves; the drain's bound ends those that do not.
    func drain() {}
}
