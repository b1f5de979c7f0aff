// rtbridge: the client's side of a gRPC call.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeTelemetry
import BridgeWire
import NIOCore

/// One native call (gRPC PROTOCOL-HTTP2.md): frames go through as they are, only their lengths are looked at.
///
/// Calls in another dialect override how fields, bytes and trailers look; what happens when is the same for all. The
/// dialect is no object of its own, since there would be one a call.
///
/// ```
/// asking ──backOpened──▶ answering ──finish | fail | refuse──▶ over
///    └──────finish (trailers only) | fail | refuse───────────▶
/// ```
class GRPCFrontLeg {
    private enum Phase { case asking, answering, over }

    private let head: RequestHead
    private let stream: any HTTPFrontStream
    private let startedAt: NIODeadline
    private let exchange: Exchange
    private var phase = Phase.asking
    /// Bytes of the request that the back-end's side has not taken yet, as they came on the wire.
    private var untaken = 0
    private var requestScanner: GRPCFrameScanner
    private var responseScanner: GRPCFrameScanner
    /// The back-end's, where it is not the request's.
    private var answerType: String?

    /// - Parameter fields: the request for the back-end.
    init(_ request: consuming FrontRequest, asking fields: consuming FieldBlock) {
        head = request.head
        stream = request.stream
        startedAt = request.worker.now
        requestScanner = GRPCFrameScanner(maxMessageBytes: request.route.config.maxMessageBytes)
        responseScanner = GRPCFrameScanner(maxMessageBytes: request.route.config.maxMessageBytes)
        exchange = Exchange(
            request: fields, client: head.connection.client, route: request.route, worker: request.worker)
    }

    /// A native call.
    convenience init(native request: consuming FrontRequest) {
        self.init(request, asking: GRPCFields.nativeRequest(request.head))
    }

    // MARK: The dialect

    /// In access records.
    var frontName: String { "grpc" }
    /// Whether fields and bytes are the back-end's own.
    var isNative: Bool { true }
    /// Whether an answer of header fields alone says `content-length: 0`.
    var saysEmptyBody: Bool { false }
    /// The content-type of every answer to the client.
    var frontContentType: String { answerType ?? GRPCFields.nativeType(head.fields) ?? "application/grpc" }
    /// Whether what was sent to the client ends within a message.
    var isInsideFrame: Bool { !responseScanner.isAtBoundary }

    /// Bytes of the request: passed on as the back-end takes them.
    func passRequest(_ bytes: ByteBuffer, to exchange: Exchange) throws(GRPCFrameError) {
        try requestScanner.scan(bytes)
        exchange.frontBody(bytes)
    }

    /// The client has ended its side.
    func checkRequestEnd() throws(GRPCFrameError) {
        guard requestScanner.isAtBoundary else {
            throw GRPCFrameError(status: GRPCStatus(.internal, "the request ends within a message"))
        }
    }

    /// The back-end's answer begins, and does not go through as it is.
    /// - Returns: whether its `grpc-encoding` holds for the client too.
    func responseBegan(_ answer: FieldBlock) -> Bool {
        answerType = GRPCFields.nativeType(answer)
        return true
    }

    /// Bytes of the answer: written as the client takes them.
    func writeResponse(_ bytes: ByteBuffer, to stream: any HTTPFrontStream) throws(GRPCFrameError) {
        try responseScanner.scan(bytes)
        stream.write(bytes)
    }

    /// Ends an answer that had begun.
    func endAnswer(_ stream: any HTTPFrontStream, _ trailers: FieldBlock, _ worker: Worker) {
        stream.finish(GRPCFields.response(trailers))
    }

    // MARK: The call

    private var route: WorkerRoute { exchange.route }
    private var worker: Worker { exchange.worker }

    /// Begins the call.
    final func start() {
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
    final func noteActivity() { exchange.noteActivity() }

    /// Ends a call that may not go on for the sake of others.
    final func giveUp(_ failure: Failure) { exchange.fail(failure) }

    /// Ends a call that cannot go on because of what one side sent.
    final func refuse(_ status: GRPCStatus, origin: Failure.Origin = .front) {
        guard phase != .over else { return }
        let code = Int(status.code.rawValue)
        let kind: Failure.Kind = status.code == .resourceExhausted ? .messageTooBig : .protocolViolation
        let failure = Failure(kind, origin, .body, status.message, grpcCode: code)
        end(code: code, message: "route \(route.name): \(status.message)", failure)
        exchange.frontAborted(failure)
    }

    private func end(code: Int, message: String, _ failure: Failure?) {
        let trailers = GRPCFields.trailers(code: code, message: message)
        let wasInsideFrame = phase == .answering && isInsideFrame
        if wasInsideFrame { stream.reset() } else { end(trailers) }
        note(code: String(code), failure)
        phase = .over
    }

    private func end(_ trailers: FieldBlock) {
        switch phase {
        case .asking: respondTrailersOnly(trailers)
        case .answering: endAnswer(stream, trailers, worker)
        case .over: break
        }
    }

    private func respondTrailersOnly(_ trailers: FieldBlock) {
        var fields = responseHead()
        GRPCFields.copyResponse(GRPCFields.sanitised(trailers), into: &fields)
        // A browser's client waits for no body then (gRPC PROTOCOL-WEB.md).
        if saysEmptyBody { fields.append("content-length", "0") }
        addCORS(&fields)
        stream.respond(fields, endStream: true)
    }

    private func responseHead() -> FieldBlock {
        var fields = FieldBlock()
        fields.reserveCapacity(fields: 12, bytes: 320)
        fields.append(":status", "200")
        fields.append("content-type", frontContentType.utf8)
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
        if exchange.worker.accessLog != nil { noteEnd(code: code(), failure) }
    }

    private func noteEnd(code: String, _ failure: Failure?) {
        worker.note(
            AccessRecord(
                route: route.name, front: frontName, client: head.connection.client,
                path: String(decoding: head.path, as: UTF8.self), status: code,
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
        if isNative, !head.fields.contains("origin"), GRPCFields.isForFront(answer) {
            return stream.respond(answer, endStream: false)
        }
        let keepsEncoding = responseBegan(answer)
        var fields = responseHead()
        GRPCFields.copyResponse(answer, into: &fields, keepsEncoding: keepsEncoding)
        addCORS(&fields)
        stream.respond(fields, endStream: false)
    }

    func deliver(_ bytes: ByteBuffer, _ flags: BodyFlags) {
        guard phase == .answering else { return }
        do throws(GRPCFrameError) {
            try writeResponse(bytes, to: stream)
        } catch {
            refuse(error.status, origin: .back)
        }
    }

    func finish(_ trailers: FieldBlock?) {
        guard phase != .over else { return }
        let trailers = trailers ?? FieldBlock()
        if phase == .answering, isInsideFrame { stream.reset() } else { end(trailers) }
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
            try passRequest(bytes, to: exchange)
        } catch {
            refuse(error.status)
        }
    }

    func requestEnded(_ trailers: FieldBlock?) {
        guard phase != .over else { return }
        do throws(GRPCFrameError) {
            try checkRequestEnd()
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

extension GRPCFrameScanner {
    mutating func scan(_ bytes: ByteBuffer) throws(GRPCFrameError) {
        try bytes.withUnsafeReadableBytes { (bytes) throws(GRPCFrameError) in try scan(bytes) }
    }
}
