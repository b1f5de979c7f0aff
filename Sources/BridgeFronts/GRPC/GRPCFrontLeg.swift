// rtbridge: the client's side of a gRPC call, native or for browsers.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeTelemetry
import BridgeWire
import NIOCore

/// One call. The dialect says how bytes and trailers look; what happens when is the same for both.
///
/// ```
/// asking ──backOpened──▶ answering ──finish | fail | refuse──▶ over
///    └──────finish (trailers only) | fail | refuse───────────▶
/// ```
final class GRPCFrontLeg {
    private enum Phase { case asking, answering, over }

    private let head: RequestHead
    private let stream: any HTTPFrontStream
    private let startedAt: NIODeadline
    private let dialect: any GRPCDialect
    private let exchange: Exchange
    private var phase = Phase.asking
    /// Bytes of the request that the back-end's side has not taken yet, as they came on the wire.
    private var untaken = 0

    init(_ request: FrontRequest, _ dialect: any GRPCDialect) {
        self.dialect = dialect
        head = request.head
        stream = request.stream
        startedAt = request.worker.now
        let fields = GRPCFields.request(
            head, contentType: dialect.backContentType, isNative: dialect.isNative, isTLS: request.route.isBackTLS)
        exchange = Exchange(
            request: fields, client: head.connection.client, route: request.route, worker: request.worker)
    }

    private var route: WorkerRoute { exchange.route }
    private var worker: Worker { exchange.worker }

    /// Begins the call.
    func start() {
        exchange.front = self
        stream.handler = self
        let timeout: Duration?
        if let value = head.fields.first("grpc-timeout") {
            timeout = GRPCTimeout.parse(value)
            guard timeout != nil else {
                return refuse(GRPCStatus(.internal, "grpc-timeout is not digits and one of H M S m u n"))
            }
        } else {
            timeout = nil
        }
        let timeouts = route.config.timeouts
        var deadline = timeout ?? timeouts.deadline
        if let longest = timeouts.maxDeadline { deadline = min(deadline ?? longest, longest) }
        exchange.open(deadline: deadline.map { startedAt + TimeAmount($0) }, idle: route.idle)
    }

    /// The client lives, though it sends no byte of the call.
    func noteActivity() { exchange.noteActivity() }

    /// Ends a call that may not go on for the sake of others.
    func giveUp(_ failure: Failure) { exchange.fail(failure) }

    /// Ends a call that cannot go on because of what one side sent.
    func refuse(_ status: GRPCStatus, origin: Failure.Origin = .front) {
        guard phase != .over else { return }
        let code = Int(status.code.rawValue)
        let kind: Failure.Kind = status.code == .resourceExhausted ? .messageTooBig : .protocolViolation
        let failure = Failure(kind, origin, .body, status.message, grpcCode: code)
        end(code: code, message: "route \(route.name): \(status.message)", failure)
        exchange.frontAborted(failure)
    }

    private func end(code: Int, message: String, _ failure: Failure?) {
        let trailers = GRPCFields.trailers(code: code, message: message)
        let wasInsideFrame = phase == .answering && dialect.isInsideFrame
        if wasInsideFrame { stream.reset() } else { end(trailers) }
        note(code: String(code), failure)
        phase = .over
    }

    private func end(_ trailers: FieldBlock) {
        switch phase {
        case .asking: respondTrailersOnly(trailers)
        case .answering: dialect.end(stream, trailers, worker)
        case .over: break
        }
    }

    private func respondTrailersOnly(_ trailers: FieldBlock) {
        var fields = responseHead()
        GRPCFields.copyResponse(GRPCFields.sanitised(trailers), into: &fields)
        // A browser's client waits for no body then (gRPC PROTOCOL-WEB.md).
        if dialect.saysEmptyBody { fields.append("content-length", "0") }
        addCORS(&fields)
        stream.respond(fields, endStream: true)
    }

    private func responseHead() -> FieldBlock {
        var fields = FieldBlock()
        fields.reserveCapacity(fields: 12, bytes: 320)
        fields.append(":status", "200")
        fields.append("content-type", dialect.frontContentType.utf8)
        return fields
    }

    private func addCORS(_ fields: inout FieldBlock) {
        guard head.fields.contains("origin"), let cors = route.cors,
            let origin = cors.allowedOrigin(head.fields)
        else { return }
        let names = GRPCFields.names(fields)
        cors.decorate(&fields, origin: origin, exposing: names)
    }

    private func note(code: @autoclosure () -> String, _ failure: Failure?) {
        worker.note(
            AccessRecord(
                route: route.name, front: dialect.frontName, client: head.connection.client,
                path: String(decoding: head.path, as: UTF8.self), status: code(),
                failure: failure?.kind.rawValue ?? "", timeout: failure?.timeout?.rawValue ?? "",
                back: exchange.backAddress ?? failure?.address ?? "", bytesIn: exchange.bytesIn,
                bytesOut: exchange.bytesOut, attempts: exchange.attempts,
                duration: .nanoseconds((worker.eventLoop.now - startedAt).nanoseconds)))
    }
}

extension GRPCFrontLeg: FrontLeg {
    var isWritable: Bool { stream.isWritable }

    var deadlineKey: String {
        let timeouts = route.config.timeouts
        let asked = head.fields.first("grpc-timeout").flatMap { GRPCTimeout.parse($0) }
        if let longest = timeouts.maxDeadline, (asked ?? timeouts.deadline).map({ $0 > longest }) ?? true {
            return "timeouts.maxDeadline"
        }
        return asked == nil ? "timeouts.deadline" : "grpc-timeout"
    }

    func backOpened(_ answer: FieldBlock?) {
        guard phase == .asking else { return }
        phase = .answering
        let answer = answer ?? FieldBlock()
        let keepsEncoding = dialect.responseBegan(answer)
        if dialect.isNative, !head.fields.contains("origin"), GRPCFields.isForFront(answer) {
            return stream.respond(answer, endStream: false)
        }
        var fields = responseHead()
        GRPCFields.copyResponse(answer, into: &fields, keepsEncoding: keepsEncoding)
        addCORS(&fields)
        stream.respond(fields, endStream: false)
    }

    func deliver(_ bytes: ByteBuffer, _ flags: BodyFlags) {
        guard phase == .answering else { return }
        do throws(GRPCFrameError) {
            stream.write(try dialect.responseBody(bytes))
        } catch {
            refuse(error.status, origin: .back)
        }
    }

    func finish(_ trailers: FieldBlock?) {
        guard phase != .over else { return }
        let trailers = trailers ?? FieldBlock()
        if phase == .answering, dialect.isInsideFrame { stream.reset() } else { end(trailers) }
        note(code: trailers.string("grpc-status") ?? "2", nil)
        phase = .over
    }

    func fail(_ failure: Failure) {
        guard phase != .over else { return }
        let message = failure.message(route: route.name, isBrief: route.isBrief)
        end(code: failure.grpcStatusCode, message: message, failure)
    }

    func taken() {
        guard untaken > 0 else { return }
        // More may come in by that.
        let count = untaken
        untaken = 0
        stream.consume(count)
    }
}

extension GRPCFrontLeg: HTTPFrontHandler {
    func requestBody(_ bytes: ByteBuffer) {
        guard phase != .over else { return stream.consume(bytes.readableBytes) }
        untaken += bytes.readableBytes
        do throws(GRPCFrameError) {
            exchange.frontBody(try dialect.requestBody(bytes))
        } catch {
            refuse(error.status)
        }
    }

    func requestEnded(_ trailers: FieldBlock?) {
        guard phase != .over else { return }
        do throws(GRPCFrameError) {
            try dialect.requestEnded()
            exchange.frontEnded()
        } catch {
            refuse(error.status)
        }
    }

    func requestAborted(_ reason: String) {
        guard phase != .over else { return }
        phase = .over
        let failure = Failure(.aborted, .front, .body, reason)
        note(code: "1", failure)
        exchange.frontAborted(failure)
    }

    func responseWritable() { exchange.frontWritable() }

    /// Calls end by themselves; the drain's bound ends those that do not.
    func drain() {}
}
