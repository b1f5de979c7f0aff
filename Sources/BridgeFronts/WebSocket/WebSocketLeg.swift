// rtbridge: the client's side of a WebSocket session.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgeTelemetry
import BridgeWire
import NIOCore

/// One session. The handshake is answered once the back-end is reached, so that a refusal stays a clean HTTP error.
///
/// ```
/// asking ──backOpened: 101──▶ open ──finish · fail · drain: close sent──▶ closing ──client's close──▶ over
///    └──fail: HTTP error──▶ over ├──client's close: the back-end's last bytes, then the answer──▶ leaving ──▶ over
///                                ├──client gone, and what it sent waits for the back-end: gone ─────────▶ over
///                                └──violation: the same, with the close frame that says why ──▶ leaving ──▶ over
/// ```
/// While closing, what the client still sends goes to the back-end: no byte is lost because the other side was first.
final class WebSocketLeg {
    enum Phase { case asking, open, closing, leaving, gone, over }

    /// What the back-end's side makes of messages.
    enum Carriage {
        /// Bytes one after the other.
        case stream
        /// A datagram is a whole message.
        case datagrams
        /// The same messages, in pieces as they come.
        case messages
    }

    /// How long a client may take to answer a close frame, before the connection is closed under it.
    static let closeTime = TimeAmount.seconds(10)
    /// How long a client's close frame may wait for its answer while a TCP back-end, told of the end, still speaks
    /// (RFC 6455 §5.5.1 lets an endpoint delay it). Browsers wait 2 s.
    static let answerTime = TimeAmount.seconds(1)

    let request: FrontRequest
    let stream: any HTTPFrontStream
    let upgrade: WebSocketUpgrade
    let subprotocol: String?
    let startedAt: NIODeadline
    let carriage: Carriage
    /// The back-end's side is told where messages end, for the time that it is away.
    private let endOfMessage: BodyFlags
    /// nil: a TCP back-end's bytes stand in binary messages as they come.
    let framer: TCPFramer?
    let wantsEvents: Bool
    /// The back-end's message has begun and not ended.
    var isInAnswer = false
    /// The client was told that its back-end is away.
    var isToldOfLoss = false
    /// What the client offered for compression and is granted, where the bridge does it.
    let extensionAnswer: WebSocketExtensionOffer?
    private(set) var deflater: WebSocketDeflater?
    private var decoder: WebSocketDecoder
    /// What is in the decoder waits until the back-end's side has taken what was inflated before.
    private(set) var isPaused = false
    private var message = ByteBuffer()
    private var gatherer = WebSocketGatherer()
    private var kind = WebSocketMessageKind.binary
    var exchange: Exchange!
    var phase = Phase.asking
    /// Bytes on the wire that were not let in again yet, and whether the back-end's side will say when.
    var untaken = 0
    var hasUntakenData = false
    var pinger: WebSocketPinger?
    var closeTimer: WheelTimer?
    /// When the closing began.
    var closingSince: NIODeadline
    var closeCode: UInt16 = 1006
    var closeAnswer = WebSocketClose(nil)
    var failure: Failure?

    typealias Deflate = (parameters: WebSocketDeflateParameters, answer: WebSocketExtensionOffer)

    init(_ request: FrontRequest, _ upgrade: WebSocketUpgrade, subprotocol: String?, deflate: Deflate? = nil) {
        self.request = request
        self.upgrade = upgrade
        self.subprotocol = subprotocol
        stream = request.stream
        startedAt = request.worker.now
        closingSince = startedAt
        let route = request.route.config
        switch route.backend.protocol {
        case .udp: carriage = .datagrams
        case .websocket: carriage = .messages
        case .tcp, .grpc, .http: carriage = .stream
        }
        endOfMessage = route.reconnect == nil && carriage != .messages ? [] : .endsMessage
        framer = TCPFramer(route, subprotocol: subprotocol)
        wantsEvents = ReconnectEvents.areWanted(request)
        let limit =
            carriage == .datagrams
            ? min(route.udp.maxDatagramBytes, route.websocket.maxMessageBytes) : route.websocket.maxMessageBytes
        decoder = WebSocketDecoder(role: .server, maxMessageBytes: limit)
        extensionAnswer = deflate?.answer
        if let deflate { use(.deflate(deflate.parameters)) }
    }

    /// Before the first frame.
    func use(_ compression: WebSocketCompression) {
        decoder.use(compression)
        deflater = compression.deflater(.server)
    }

    func start() {
        let route = request.route
        exchange = Exchange(
            front: self, request: ReconnectEvents.withoutOffer(request), client: request.head.connection.client,
            connection: request.head.connection, route: route, worker: request.worker)
        stream.handler = self
        exchange.open(deadline: nil, idle: carriage == .datagrams ? route.datagramIdle : route.idle)
    }

    // MARK: Events of the decoder

    private func decode() {
        do throws(WebSocketViolation) {
            while phase == .open || phase == .closing || phase == .gone, let event = try decoder.next() {
                received(event)
                // A little on the wire may be much in memory: the next is made once there is somebody to take it.
                if decoder.isInflating, hasUntakenData, !exchange.isOver { return isPaused = true }
            }
            forwardHeld()
            if phase == .gone { leave() }
        } catch {
            violated(error)
        }
    }

    /// - Returns: whether all that has come was decoded.
    func decodeRest() -> Bool {
        guard isPaused else { return true }
        isPaused = false
        decode()
        return !isPaused
    }

    private func received(_ event: WebSocketEvent) {
        switch event {
        case .data(let bytes, let kind, let endsMessage):
            let end = endsMessage ? endOfMessage : []
            switch carriage {
            case .stream:
                guard let framer else { return forward(bytes, end) }
                forwardFramed(bytes, framer, endsMessage: endsMessage, end)
            case .datagrams: collect(bytes, endsMessage)
            case .messages:
                self.kind = kind
                if let piece = gatherer.add(bytes, endsMessage: endsMessage) { forward(piece, end.union(kindFlags)) }
            }
        case .ping(let payload):
            // RFC 6455 §5.5.3: of several pings the most recent alone may be answered. A client that does not read
            // its pongs gets no more of them.
            if phase == .open, stream.isWritable { write(.pong, payload) }
        case .pong:
            // A datagram session ends when no datagram comes, however lively the client's connection is.
            if carriage != .datagrams { exchange.noteActivity() }
        case .close(let code, let reason):
            forwardHeld()
            clientClosed(WebSocketClose(code, reason))
        }
    }

    /// Of the message that is under way.
    private var kindFlags: BodyFlags {
        var flags: BodyFlags = kind == .text ? .text : []
        if decoder.isMessageCompressed, !decoder.isInflating { flags.insert(.compressed) }
        return flags
    }

    /// The beginning of a message of which no more has come goes on as well.
    private func forwardHeld() {
        guard gatherer.isHolding else { return }
        guard let piece = gatherer.takeHeld(isInsideFrame: decoder.isInsideFrame) else {
            return exchange.noteActivity()
        }
        forward(piece, kindFlags)
    }

    /// One message is one datagram.
    private func collect(_ bytes: ByteBuffer, _ endsMessage: Bool) {
        guard !endsMessage || message.readableBytes > 0 else { return forward(bytes, .endsMessage) }
        message.writeImmutableBuffer(bytes)
        guard endsMessage else { return }
        let whole = message
        message = ByteBuffer()
        forward(whole, .endsMessage)
    }

    func forward(_ bytes: ByteBuffer, _ flags: BodyFlags = []) {
        hasUntakenData = true
        exchange.frontBody(bytes, flags)
    }

    /// RFC 6455 §5.5.1: "the endpoint typically echos the status code it received".
    private func clientClosed(_ close: WebSocketClose) {
        guard phase == .open || phase == .gone else { return leave() }
        closeCode = (close.code ?? .noStatusReceived).rawValue
        guard phase == .open else { return closedBeforeItWent(close) }
        startLeaving(answer: WebSocketClose(close.code), close)
    }

    /// - Parameter close: the client's, for a back-end that knows close frames.
    private func startLeaving(answer: WebSocketClose, _ close: WebSocketClose?) {
        closeAnswer = answer
        phase = .leaving
        pinger?.stop()
        switch carriage {
        case .stream where request.route.config.tcp.halfClose: break
        case .messages: break
        case .stream, .datagrams: return leave()
        }
        closeTimer = request.worker.timers.schedule(at: request.worker.now + Self.answerTime, self)
        exchange.frontEnded(carriage == .messages ? close?.trailers : nil)
    }

    private func violated(_ violation: WebSocketViolation) {
        let kind: Failure.Kind = violation.closeCode == .messageTooBig ? .messageTooBig : .protocolViolation
        violated(Failure(kind, .front, .body, violation.reason), violation.closeCode)
    }

    /// What the client sends now is discarded. The answer to what it sent before may be on its way, and goes first.
    func violated(_ failure: Failure, _ code: WebSocketCloseCode) {
        self.failure = failure
        guard phase == .open else { return leave() }
        closeCode = code.rawValue
        startLeaving(answer: WebSocketClose(code, failure.reason), nil)
    }

    // MARK: Sending

    func write(_ opcode: WebSocketOpcode, _ payload: ByteBuffer, fin: Bool = true, isMarked: Bool = false) {
        let worker = request.worker
        worker.scratch.clear()
        WebSocketEncoder.writeHeader(
            opcode: opcode, fin: fin, isMarked: isMarked, payloadLength: payload.readableBytes, into: &worker.scratch)
        stream.write(worker.scratch)
        stream.write(payload)
    }

    func writeClose(_ code: WebSocketCloseCode?, _ reason: String = "") {
        var frame = ByteBuffer()
        WebSocketEncoder.writeClose(code: code, reason: reason, into: &frame)
        stream.write(frame)
    }
}

extension WebSocketLeg: HTTPFrontHandler {
    func requestBody(_ bytes: ByteBuffer) {
        pinger?.heard()
        // RFC 6455 §1.4: what follows a close frame is discarded.
        guard phase == .asking || phase == .open || phase == .closing else {
            return stream.consume(bytes.readableBytes)
        }
        untaken += bytes.readableBytes
        decoder.append(bytes)
        // Over HTTP/2 a client may send before it is answered: no more than its window lets it.
        if phase != .asking { takeFrames() }
    }

    func takeFrames() {
        if !isPaused { decode() }
        // Control frames alone, or no one left to take anything: nobody else would let more in.
        if !hasUntakenData { taken() } else { letInIfOver() }
    }

    func requestEnded(_ trailers: FieldBlock?) {
        // RFC 6455 §7.1.5: 1006, for the connection is gone and there was no close frame.
        if phase != .asking { clientWent("the client sent no close frame") }
    }

    func requestAborted(_ reason: String) { clientWent(reason) }

    func responseWritable() { exchange.frontWritable() }

    func drain() {
        if phase == .asking { exchange.stopWaiting() }
        startClosing(.goingAway, "rtbridge is shutting down")
    }
}

extension WebSocketLeg: WheelTimerTarget {
    /// The client did not answer our close frame, or the back-end does not take what the client left behind.
    func timerFired(_ timer: WheelTimer) { if !waitsForBack() { leave() } }
}
