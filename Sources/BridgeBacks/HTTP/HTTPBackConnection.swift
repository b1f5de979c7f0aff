// rtbridge: a connection to an HTTP/1.1 back-end.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire
import NIOCore
import NIOHTTP1

/// One request after the other, each with its leg; between them it waits in the pool of its endpoint.
///
/// ```
/// dialling ──opened──▶ free ──begin──▶ busy ──answer and request are whole──▶ free
///                        └───────────────┴──lost | answer broken | not to be kept──▶ closed
/// ```
final class HTTPBackConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    // All that the decoder looks at is whether the method is HEAD.
    private static let anyHead = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/")
    private static let headHead = HTTPRequestHead(version: .http1_1, method: .HEAD, uri: "/")

    let endpoint: Endpoint
    /// Whose requests it serves; nil: everybody's.
    let owner: ConnectionInfo?
    /// Its owner is gone.
    private(set) var isOrphan = false
    private let connector: HTTPConnector
    private let wire = HTTPBackWire()
    private var context: ChannelHandlerContext?
    private var leg: HTTPBackLeg?
    private var request: HTTP1RequestWriter?
    /// Requests that it was used for before this one.
    private var served = 0
    private var answerHead: HTTPResponseHead?
    private var interimCount = 0
    /// The end of the request was handed to the kernel.
    private var wasSentWhole = false
    private var isWaitingForTake = false
    private var isInRead = false
    private var isDirty = false
    private var idleTimer: WheelTimer?
    private var error: (any Error)?

    init(_ endpoint: Endpoint, _ connector: HTTPConnector, owner: ConnectionInfo? = nil) {
        self.endpoint = endpoint
        self.owner = owner
        self.connector = connector
    }

    private var worker: Worker { connector.worker }
    private var hasAnswer: Bool { answerHead != nil }
    var isReused: Bool { served > 1 }
    var isWritable: Bool { wire.isWritable }
    /// See ``SystemSocket/hasEnded(_:)``.
    var hasEnded: Bool { context.map { SystemSocket.hasEnded($0.channel) } ?? true }

    // MARK: Commands of the connector

    func opened(_ channel: any Channel, isClear: Bool) {
        wire.opened(channel, isClear: isClear)
        if let owner, context != nil { worker.keptForClients.add(self, for: owner) }
        channel.read()
    }

    /// It goes to the pool; `time` is the longest that it waits there.
    func rest(_ time: TimeAmount?) {
        idleTimer = time.map { worker.timers.schedule(at: worker.now + $0, self) }
    }

    func close() {
        idleTimer?.cancel()
        leg = nil
        context?.close(promise: nil)
    }

    // MARK: Commands of the leg

    func begin(_ leg: HTTPBackLeg, _ head: FieldBlock, host: String?) {
        idleTimer?.cancel()
        self.leg = leg
        served += 1
        request = HTTP1RequestWriter(head, host: host)
        answerHead = nil
        interimCount = 0
        wasSentWhole = false
        isWaitingForTake = false
        let isHead = head.first(":method")?.elementsEqual("HEAD".utf8) ?? false
        context?.write(wrapOutboundOut(.head(isHead ? Self.headHead : Self.anyHead)), promise: nil)
        markDirty()
        if !isInRead { context?.read() }
    }

    func write(_ bytes: ByteBuffer) {
        guard bytes.readableBytes > 0, request?.isOver == false else { return }
        wire.gather { request?.writeHead(into: &$0) }
        let isChunked = request?.isChunked ?? false
        if isChunked { wire.gather { HTTP1Lines.writeChunkHeader(bytes.readableBytes, into: &$0) } }
        wire.gather(bytes)
        if isChunked { wire.gather { $0.writeStaticString("\r\n") } }
        markDirty()
    }

    func finish(_ trailers: FieldBlock?) {
        wire.gather { request?.finish(trailers, into: &$0) }
        markDirty()
    }

    /// The exchange is over before its end: nothing else can be asked on this connection.
    func abandon() { close() }

    func taken() {
        guard isWaitingForTake else { return }
        isWaitingForTake = false
        if !isInRead { context?.read() }
    }

    private func markDirty() {
        guard !isDirty else { return }
        isDirty = true
        worker.flushAtTickEnd(self)
    }

    // MARK: Events of the channel

    /// The decoder, and what it needs, stand before this handler.
    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderListSize = HTTPResponse.maximumHeadBytes
        limits.maxHeaderFieldSize = HTTPResponse.maximumHeadBytes
        let decoder = HTTPResponseDecoder(
            leftOverBytesStrategy: .dropBytes, informationalResponseStrategy: .forward, limitConfiguration: limits)
        do {
            try context.pipeline.syncOperations.addHandlers(
                [wire, ByteToMessageHandler(decoder)], position: .before(self))
        } catch {
            context.close(promise: nil)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        if let owner { worker.keptForClients.remove(self, for: owner) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        worker.refreshClock()
        isInRead = true
        switch unwrapInboundIn(data) {
        case .head(let head): received(head)
        case .body(let bytes):
            guard let leg else { return }
            isWaitingForTake = true
            leg.received(bytes)
        case .end(let trailers): answerEnded(trailers.map(Self.block))
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isInRead = false
        if !isWaitingForTake { context.read() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        worker.refreshClock()
        if isWritable { leg?.writable() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // An answer that ends with the connection has ended by now; nothing else can come.
        if case ChannelEvent.inputClosed = event { lost() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if self.error == nil { self.error = error }
        lost()
    }

    func channelInactive(context: ChannelHandlerContext) { lost() }

    private func lost() {
        worker.refreshClock()
        let (leg, context) = (leg, context)
        self.leg = nil
        idleTimer?.cancel()
        connector.closed(self)
        leg?.lost(lossFailure, wasReused: isReused, wasSentWhole: wasSentWhole, hasAnswer: hasSeenAnswer)
        context?.close(promise: nil)
    }

    /// Whether something of an answer has come, and be it broken.
    private var hasSeenAnswer: Bool {
        hasAnswer || interimCount > 0 || error.map(HTTPResponse.isBroken) ?? false
    }

    private var lossFailure: Failure {
        let error = error ?? HTTPParserError.invalidEOFState
        return HTTPResponse.failure(error, hasHead: hasAnswer, endpoint.text)
    }

    // MARK: The answer

    private func received(_ head: HTTPResponseHead) {
        guard let leg else { return }
        switch HTTPResponse.check(head) {
        case .success(let fields) where head.status.code < 200:
            interimCount += 1
            if interimCount <= HTTPResponse.maximumInterim { leg.informed(fields) }
        case .success(let fields):
            answerHead = head
            leg.answered(fields)
        case .failure(let problem):
            self.leg = nil
            let reason = "the answer breaks HTTP/1.1: \(problem.text)"
            connector.closed(self)
            leg.broken(Failure(.protocolViolation, .back, .headers, reason, address: endpoint.text))
            close()
        }
    }

    private func answerEnded(_ trailers: FieldBlock?) {
        guard let leg, let answerHead else { return }
        self.leg = nil
        // RFC 9112 §9.3: a request that was not sent to its end leaves nothing that the next one could follow.
        let isReusable = answerHead.isKeepAlive && request?.isOver == true && error == nil
        request = nil
        if isReusable {
            connector.release(self, HTTPResponse.keepAliveSeconds(answerHead))
        } else {
            connector.closed(self)
            close()
        }
        leg.ended(trailers)
    }

    private static func block(_ headers: HTTPHeaders) -> FieldBlock {
        var fields = FieldBlock()
        for (name, value) in headers { fields.append(name, value) }
        return fields
    }
}

extension HTTPBackConnection: TickFlushable {
    func flushAtTickEnd() {
        isDirty = false
        // Neither a body nor the end came with the head, so there will be one.
        if leg != nil { wire.gather { request?.writeHead(into: &$0) } }
        let wasWritable = isWritable
        wire.flush()
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
        connector.closed(self)
        close()
    }
}

@available(*, unavailable)
extension HTTPBackConnection: Sendable {}
