// rtbridge: a session of server-sent events.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgeTelemetry
import BridgeWire
import NIOCore

/// A back-end's session, or a gRPC call, as events. It belongs to the worker on which it began, and outlives the
/// connections of its client, which comes back and says what it has had.
///
/// ```
/// opening ──back-end there──▶ open ──back-end's end · failure · drain──▶ ended ──client gone, or resume time──▶ over
///    └──failure: HTTP error──▶ over └──DELETE · no client for the resume time────────────────────────────────▶
/// ```
final class SSESession {
    enum Phase { case opening, open, ended, over }

    /// What may be on its way to a client before it says that it took it.
    private static let maximumOutstanding = 64 * 1024

    let name: String
    let request: FrontRequest
    private let options: SSEOptions
    private let startedAt: NIODeadline
    var exchange: Exchange!
    var phase = Phase.opening
    var ring: EventRing
    var writer: SSEEventWriter
    var failure: Failure?
    /// The client that is there now, and how many there have been.
    private var client: NIOLoopBound<SSEClient>?
    private var clientCount = 0
    private var outstanding = 0
    /// Who sent what the back-end has not taken yet.
    private var poster: (@Sendable (Int, String?) -> Void)?
    /// A comment is due, or the session has waited long enough.
    private var timer: WheelTimer?
    private var lastSent: NIODeadline

    /// - Throws: why not.
    init(_ request: FrontRequest) throws(SSERefusal) {
        let config = request.route.config
        self.request = request
        options = config.sse
        name = SSEName.make(request.worker)
        startedAt = request.worker.now
        lastSent = startedAt
        ring = EventRing(limit: config.sse.replayBytes)
        writer = SSEEventWriter(session: name, config)
        let entry = SessionDirectory.Entry(
            route: request.route.name, session: NIOLoopBound(self, eventLoop: request.worker.eventLoop))
        guard request.worker.sessions.enter(name, entry, limit: options.maxSessions) else {
            throw SSERefusal(status: 503, text: "\(options.maxSessions) sessions are open (sse.maxSessions).")
        }
    }

    private var worker: Worker { request.worker }
    var isGRPC: Bool { request.route.config.backend.protocol == .grpc }
    private var isUDP: Bool { request.route.config.backend.protocol == .udp }

    /// For the workers of its clients.
    var bound: NIOLoopBound<AnyObject> { NIOLoopBound(self, eventLoop: worker.eventLoop) }

    /// Begins, for the client that asked.
    func start(_ client: SSEClient) {
        self.client = client.bound
        clientCount = 1
        let timeouts = request.route.config.timeouts
        let fields = isGRPC ? SSECall.fields(request.head) : request.head.fields
        exchange = Exchange(
            front: self, request: fields, client: request.head.connection.client, route: request.route, worker: worker)
        let deadline = isGRPC ? timeouts.deadline.map { startedAt + TimeAmount($0) } : nil
        exchange.open(deadline: deadline, idle: isUDP ? request.route.datagramIdle : request.route.idle)
        guard isGRPC, phase != .over else { return }
        switch SSECall.message(request.head) {
        case .success(let message):
            exchange.frontBody(message)
            exchange.frontEnded()
        case .failure(let refusal): refuse(refusal)
        }
    }

    private func refuse(_ refusal: SSERefusal) {
        tellClient { $0.refuse(refusal.status, refusal.text) }
        exchange.frontAborted(Failure(.protocolViolation, .front, .headers, refusal.text))
        becomeOver()
    }

    // MARK: The client

    func tellClient(_ tell: @escaping @Sendable (SSEClient) -> Void) {
        guard let client else { return }
        SSELoops.run(on: client.eventLoop) { tell(client.value) }
    }

    /// A client comes back that has had everything up to `number`.
    func attach(_ client: NIOLoopBound<SSEClient>, after number: Int) {
        worker.refreshClock()
        // An EventSource that is told "No Content" comes back no more.
        guard phase == .open || phase == .ended, !(phase == .ended && number == ring.last),
            let lost = ring.resume(after: number)
        else { return SSELoops.run(on: client.eventLoop) { client.value.refuse(204, nil) } }
        // The connection that it came from may not have been seen to break.
        tellClient { $0.end() }
        self.client = client
        clientCount += 1
        outstanding = 0
        begin(lost: lost)
    }

    /// The first bytes for a client, then all that waits.
    func begin(lost: Int) {
        var first = ByteBuffer()
        EventStream.writeRetry(milliseconds: Int64(options.retry / .milliseconds(1)), into: &first)
        if clientCount == 1 { writer.writeSession(into: &first) } else { first.writeStaticString("\n") }
        if lost > 0 { writer.writeLost(lost, into: &first) }
        let (number, bytes) = (clientCount, first)
        tellClient { $0.begin(number: number, bytes) }
        lastSent = worker.now
        arm()
        pump()
    }

    func acknowledged(_ count: Int, by number: Int) {
        guard number == clientCount else { return }
        worker.refreshClock()
        outstanding -= count
        pump()
    }

    /// The client's connection is gone.
    func left(_ number: Int) {
        guard number == clientCount, client != nil, phase != .over else { return }
        worker.refreshClock()
        client = nil
        arm()
    }

    /// The client did not wait for the back-end.
    func leftBeforeItBegan() {
        guard phase == .opening else { return }
        worker.refreshClock()
        failure = Failure(.aborted, .front, .connect, "the client left")
        becomeOver()
        exchange.frontClosed(failure)
    }

    func pump() {
        while client != nil, outstanding < Self.maximumOutstanding, let event = ring.send() {
            outstanding += event.readableBytes
            lastSent = worker.now
            tellClient { $0.write(event) }
        }
        if phase == .ended, ring.isAllSent, client != nil {
            tellClient { $0.end() }
            client = nil
            arm()
        }
        if phase == .open { exchange.frontWritable() }
    }

    /// A message of the client. `answer` is told the status, once.
    func post(_ bytes: ByteBuffer, _ answer: @escaping @Sendable (Int, String?) -> Void) {
        worker.refreshClock()
        guard phase == .open else { return answer(404, "The session is over.") }
        guard !isGRPC else { return answer(405, "A gRPC call is read alone.") }
        guard poster == nil else { return answer(503, "The back-end has not taken the message before this one.") }
        let limit = request.route.config.udp.maxDatagramBytes
        guard !isUDP || bytes.readableBytes <= limit else {
            return answer(413, "A datagram of more than \(limit) bytes (udp.maxDatagramBytes).")
        }
        guard bytes.readableBytes > 0 || isUDP else { return answer(204, nil) }
        poster = answer
        exchange.frontBody(bytes, .endsMessage)
    }

    /// The client wants no more.
    func close() {
        worker.refreshClock()
        tellClient { $0.end() }
        becomeOver()
        exchange.frontClosed()
    }

    // MARK: Timers

    private func arm() {
        timer?.cancel()
        timer = nil
        if client == nil {
            timer = worker.timers.schedule(at: worker.now + TimeAmount(options.resume), self)
        } else if let keepAlive = options.keepAlive {
            timer = worker.timers.schedule(at: lastSent + TimeAmount(keepAlive), self)
        }
    }

    // MARK: Ends

    /// No more events will come; those that are there wait for the client, who may have to come back for them.
    func end(_ text: String) {
        guard phase == .open else { return }
        phase = .ended
        note()
        if let rest = writer.rest(ring.next) { ring.append(rest) }
        ring.append(writer.event("rtbridge.end", text, number: ring.next))
        answerPoster(502, "The session is over.")
        pump()
    }

    func answerPoster(_ status: Int, _ text: String?) {
        let answer = poster
        poster = nil
        answer?(status, text)
    }

    func becomeOver() {
        guard phase != .over else { return }
        if phase != .ended { note() }
        phase = .over
        client = nil
        timer?.cancel()
        answerPoster(404, "The session is over.")
        worker.sessions.leave(name)
    }

    private func note() {
        let (request, exchange, failure) = (request, exchange!, failure)
        worker.note(
            AccessRecord(
                route: request.route.name, front: "sse", client: request.head.connection.client,
                path: String(decoding: request.head.path, as: UTF8.self),
                status: failure.map { String($0.httpStatus) } ?? "200",
                failure: failure?.kind.rawValue ?? "", timeout: failure?.timeout?.rawValue ?? "",
                back: exchange.backAddress ?? failure?.address ?? "", bytesIn: exchange.bytesIn,
                bytesOut: exchange.bytesOut, dropped: exchange.dropped, attempts: exchange.attempts,
                reconnects: exchange.reconnects,
                duration: .nanoseconds((worker.eventLoop.now - startedAt).nanoseconds)))
    }
}

extension SSESession: WheelTimerTarget {
    func timerFired(_ timer: WheelTimer) {
        guard client != nil else {
            let wasOpen = phase == .open
            becomeOver()
            if wasOpen { exchange.frontClosed() }
            return
        }
        guard let keepAlive = options.keepAlive else { return }
        if worker.now - lastSent >= TimeAmount(keepAlive) {
            lastSent = worker.now
            // A client that takes what it is sent is there.
            if outstanding == 0 {
                outstanding += EventStream.comment.readableBytes
                tellClient { $0.write(EventStream.comment) }
                if !isUDP { exchange.noteActivity() }
            }
        }
        arm()
    }
}

@available(*, unavailable)
extension SSESession: Sendable {}
