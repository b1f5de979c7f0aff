// rtbridge: a connection to an HTTP/1.1 back-end.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire
import NIOCore

/// One request after the other, each with its leg; between them it waits in the pool of its endpoint.
///
/// ```
/// dialling ──opened──▶ free ──begin──▶ busy ──answer and request are whole──▶ free
///                        └───────────────┴──lost | answer broken | not to be kept──▶ closed
/// ```
final class HTTPBackConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let endpoint: Endpoint
    /// Whose requests it serves; nil: everybody's.
    let owner: ConnectionInfo?
    /// Its owner is gone.
    private(set) var isOrphan = false
    private let connector: HTTPConnector
    private let output: HTTPBackOutput
    private let parser = HTTP1Parser(.responses, maximumBytes: HTTPResponse.maximumHeadBytes)
    private var context: ChannelHandlerContext?
    private var leg: HTTPBackLeg?
    private var request: HTTP1RequestWriter?
    /// Requests that it was used for before this one.
    private var served = 0
    private var answerHead: HTTP1Head?
    private var interimCount = 0
    /// The end of the request was handed to the kernel.
    private var wasSentWhole = false
    private var isWaitingForTake = false
    private var isInRead = false
    private var isDirty = false
    /// It was lost or given up: what comes is nobody's.
    private var isOver = false
    private var idleTimer = LazyTimer()
    private var isClear = false
    /// The channel was asked to read, and has brought nothing yet. Known where nothing stands before the socket.
    private var isReading = false
    private var error: (any Error)?

    init(_ endpoint: Endpoint, _ connector: HTTPConnector, owner: ConnectionInfo? = nil) {
        self.endpoint = endpoint
        self.owner = owner
        self.connector = connector
        output = HTTPBackOutput(connector.worker)
    }

    private var worker: Worker { connector.worker }
    private var hasAnswer: Bool { answerHead != nil }
    var isReused: Bool { served > 1 }
    var isWritable: Bool { output.isWritable }
    /// See ``SystemSocket/hasEnded(_:)``.
    var hasEnded: Bool { isOver || output.descriptor.map(SystemSocket.hasEnded) ?? (context == nil) }

    // MARK: Commands of the connector

    func opened(_ channel: any Channel, isClear: Bool) {
        output.opened(channel, isClear: isClear)
        if let owner, context != nil { worker.keptForClients.add(self, for: owner) }
        self.isClear = isClear
        isReading = isClear
        channel.read()
    }

    /// It goes to the pool; `time` is the longest that it waits there.
    func rest(_ time: TimeAmount?) {
        if let time { idleTimer.schedule(at: worker.now + time, worker, self) }
    }

    func close() {
        idleTimer.cancel()
        isOver = true
        leg = nil
        context?.close(promise: nil)
    }

    // MARK: Commands of the leg

    func begin(_ leg: HTTPBackLeg, _ head: FieldBlock, host: String?) {
        idleTimer.callOff()
        self.leg = leg
        served += 1
        request = HTTP1RequestWriter(head, host: host)
        answerHead = nil
        interimCount = 0
        wasSentWhole = false
        isWaitingForTake = false
        parser.isAnswerToHead = head.withFirst(":method") { FieldBytes.areEqual($0, "HEAD") } ?? false
        markDirty()
        if !isInRead { read() }
    }

    func write(_ bytes: ByteBuffer) {
        guard bytes.readableBytes > 0, request?.isOver == false else { return }
        output.gather { request?.writeHead(into: &$0) }
        let isChunked = request?.isChunked ?? false
        if isChunked { output.gather { HTTP1Lines.writeChunkHeader(bytes.readableBytes, into: &$0) } }
        output.gather(bytes)
        if isChunked { output.gather { $0.writeStaticString("\r\n") } }
        markDirty()
    }

    func finish(_ trailers: FieldBlock?) {
        output.gather { request?.finish(trailers, into: &$0) }
        markDirty()
    }

    /// The exchange is over before its end: nothing else can be asked on this connection.
    func abandon() { close() }

    func taken() {
        guard isWaitingForTake else { return }
        isWaitingForTake = false
        if !isInRead { read() }
    }

    private func read() {
        guard !isReading else { return }
        isReading = isClear
        context?.read()
    }

    private func markDirty() {
        guard !isDirty else { return }
        isDirty = true
        worker.flushAtTickEnd(self)
    }

    // MARK: Events of the channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        output.added(context)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        output.removed()
        if let owner { worker.keptForClients.remove(self, for: owner) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        worker.refreshClock()
        isInRead = true
        isReading = false
        var bytes = unwrapInboundIn(data)
        while bytes.readableBytes > 0, !isOver {
            let parsed = parser.parse(&bytes)
            received(parsed, isLast: bytes.readableBytes == 0)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isInRead = false
        isReading = false
        if !isWaitingForTake { read() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        worker.refreshClock()
        output.writabilityChanged(context)
        if isWritable { leg?.writable() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { inputEnded() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if self.error == nil { self.error = error }
        lost()
    }

    func channelInactive(context: ChannelHandlerContext) { inputEnded() }

    /// An answer may end with the connection (RFC 9112 §6.3); nothing else can come.
    private func inputEnded() {
        worker.refreshClock()
        if leg != nil { received(parser.finish(), isLast: true) }
        lost()
    }

    private func lost() {
        worker.refreshClock()
        isOver = true
        let (leg, context) = (leg, context)
        self.leg = nil
        idleTimer.cancel()
        connector.closed(self)
        leg?.lost(lossFailure, wasReused: isReused, wasSentWhole: wasSentWhole, hasAnswer: hasSeenAnswer)
        context?.close(promise: nil)
    }

    /// Whether something of an answer has come, and be it broken.
    private var hasSeenAnswer: Bool {
        hasAnswer || interimCount > 0 || error.map(HTTPResponse.isBroken) ?? false
    }

    private var lossFailure: Failure {
        let error = error ?? HTTP1Violation.endedEarly
        return HTTPResponse.failure(error, hasHead: hasAnswer, endpoint.text)
    }

    // MARK: The answer

    /// - Parameter isLast: nothing has come behind it.
    private func received(_ parsed: HTTP1Parsed, isLast: Bool) {
        // Nobody has asked; or the answer was broken, and the connection is being closed.
        guard leg != nil else {
            if parser.isInMessage || parsed.isEnd || parsed.violation != nil { fail(.unasked) }
            return
        }
        if let head = parsed.head { received(head) }
        if let body = parsed.body {
            received(body)
            for piece in parsed.moreBody { received(piece) }
        }
        if let violation = parsed.violation { return fail(violation) }
        if parsed.isEnd { answerEnded(parsed.trailers, isLast: isLast) }
    }

    private func fail(_ violation: HTTP1Violation) {
        if error == nil { error = violation }
        lost()
    }

    private func received(_ head: HTTP1Head) {
        guard let leg else { return }
        if let problem = HTTPResponse.problem(head) {
            self.leg = nil
            let reason = "the answer breaks HTTP/1.1: \(problem)"
            connector.closed(self)
            leg.broken(Failure(.protocolViolation, .back, .headers, reason, address: endpoint.text))
            close()
        } else if head.status < 200 {
            interimCount += 1
            if interimCount <= HTTPResponse.maximumInterim { leg.informed(head.fields) }
        } else {
            answerHead = head
            leg.answered(head.fields)
        }
    }

    private func received(_ body: ByteBuffer) {
        guard let leg else { return }
        isWaitingForTake = true
        leg.received(body)
    }

    private func answerEnded(_ trailers: FieldBlock?, isLast: Bool) {
        guard let leg, let answerHead else { return }
        self.leg = nil
        self.answerHead = nil
        // RFC 9112 §9.3: a request that was not sent to its end leaves nothing that the next one could follow; and what
        // stands behind the answer must not be taken for the next one's.
        let isReusable = answerHead.isKeepAlive && request?.isOver == true && error == nil && isLast
        request = nil
        if isReusable {
            connector.release(self, HTTPResponse.keepAliveSeconds(answerHead.fields))
        } else {
            connector.closed(self)
            close()
        }
        leg.ended(trailers)
    }
}

extension HTTPBackConnection: TickFlushable {
    func flushAtTickEnd() {
        isDirty = false
        // Neither a body nor the end came with the head, so there will be one.
        if leg != nil { output.gather { request?.writeHead(into: &$0) } }
        let wasWritable = isWritable
        output.flush()
        if request?.isOver == true { wasSentWhole = true }
        if !wasWritable, isWritable { leg?.writable() }
    }
}

extension HTTPBackConnection: KeptForClient {
    /// A request that is under way ends by itself.
    func clientEnded() {
        isOrphan = true
        guard leg == nil else { return }
        connector.closed(self)
        close()
    }
}

extension HTTPBackConnection: WheelTimerTarget {
    /// It has waited long enough.
    func timerFired(_ timer: WheelTimer) {
        guard idleTimer.isDue(worker, self) else { return }
        connector.closed(self)
        close()
    }
}

@available(*, unavailable)
extension HTTPBackConnection: Sendable {}
