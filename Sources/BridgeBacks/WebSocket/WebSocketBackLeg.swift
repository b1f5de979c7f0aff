// rtbridge: a session's WebSocket to its back-end.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgeSockets
import BridgeWire
import NIOCore

/// Messages both ways, in pieces as they come: a piece is a fragment (RFC 6455 §5.4). Reads only when what it read before
/// was taken.
///
/// ```
/// dialling ──101──▶ open ──finish: close sent──▶ ending ──the back-end's close, or its end──▶ lingering ──▶ closed
///     │              ├──its close: answered──────────────────────────────────────────────────▶ ▲
///     │              └──(detach, cancel, its violation: close sent)────────────────────────────┘
///     └──(refused, failed, cancel)──▶ closed ◀──(lost)── open
/// ```
/// While lingering nothing that comes matters; the back-end has ``WebSocketConnector/lingerTime`` to end the connection.
final class WebSocketBackLeg: BackLeg {
    enum Phase { case dialling, open, ending, lingering, closed }

    let connector: WebSocketConnector
    var phase = Phase.dialling {
        didSet { if (phase == .lingering) != (oldValue == .lingering) { noteLingering() } }
    }
    var exchange: Exchange?
    var channel: (any Channel)?
    /// Takes the place of the channel's own queue where what was not written is asked for.
    var writer: ExactWriter?
    var socket: SocketWriter?
    /// What goes out through it at the end of the tick. Its memory is the worker's between ticks.
    var outbound = ByteBuffer()
    var isDirty = false
    /// The client's message has begun and not ended.
    var isInMessage = false
    private(set) var deflater: WebSocketDeflater?
    /// The dial that is under way.
    var opening: WebSocketOpening?
    /// What is received is not limited: nothing is kept of it.
    var decoder = WebSocketDecoder(role: .client, maxMessageBytes: .max)
    var gatherer = WebSocketGatherer()
    var kind = WebSocketMessageKind.binary
    /// The client has the beginning of a message, and not its end.
    var isInAnswer = false
    var pinger: WebSocketPinger?
    private var lingerTimer: WheelTimer?
    var isWaitingForTake = false
    /// What is in the decoder waits until the client's side has taken what was inflated before.
    var isPaused = false
    /// What ended the connection behind that.
    private var laterEnd: ConnectionEnd?
    var isInRead = false
    private(set) var address: String?

    init(connector: WebSocketConnector) { self.connector = connector }

    var worker: Worker { connector.dialer.worker }
    var isDialling: Bool { phase == .dialling }
    let staysOpenAfterEnd = false

    // MARK: Commands of the exchange

    func open(_ exchange: Exchange) {
        self.exchange = exchange
        connector.connect(self, exchange) { [self] result in
            switch result {
            case .success((let channel, let endpoint)): answered(channel, Dialer.text(endpoint))
            case .failure(let failure):
                opening = nil
                guard phase == .dialling else { return }
                address = failure.address
                end { $0.backFailed(failure) }
            }
        }
    }

    /// The client has closed: its code and reason go on. One that is just gone is "going away" (RFC 6455 §7.4.1).
    func finish(_ trailers: FieldBlock?) {
        guard phase == .open else { return }
        phase = .ending
        pinger?.stop()
        sendClose(WebSocketClose(trailers: trailers) ?? WebSocketClose(.goingAway))
    }

    func detach() { letGo(TimeAmount(exchange?.route.config.timeouts.idle ?? RouteTimeouts().idle ?? .seconds(300))) }

    func cancel() { letGo(connector.lingerTime) }

    /// - Parameter patience: how long the back-end may take for what is still under way to it.
    private func letGo(_ patience: TimeAmount) {
        exchange = nil
        switch phase {
        case .dialling:
            phase = .closed
            opening?.giveUp()
            opening = nil
        case .open, .ending:
            finish(nil)
            linger(patience)
        case .lingering, .closed: break
        }
    }

    func taken() {
        guard isWaitingForTake else { return }
        isWaitingForTake = false
        if isPaused {
            isPaused = false
            let isNested = isInRead
            isInRead = true
            decode()
            isInRead = isNested
        }
        if !isInRead, !isWaitingForTake { channel?.read() }
    }

    /// Whole messages that were not written, for another session. One that has begun goes no further: the new session
    /// would take its rest for a message of its own.
    func takeUnwritten() -> Unwritten {
        guard let writer else { return Unwritten() }
        let unwritten = WebSocketUnwritten.payloads(of: writer.takeUnwritten())
        // A close frame cannot stand in the middle of another.
        if !unwritten.pieces.isEmpty || unwritten.isCut { closeNow() }
        return unwritten
    }

    // MARK: Events of the connection

    private func answered(_ channel: any Channel, _ address: String) {
        let answer = opening?.answer
        opening = nil
        self.address = address
        guard phase == .dialling, let exchange, let answer else { return channel.close(promise: nil) }
        switch answer {
        case .opened(let opened):
            if let first = exchange.firstHead, first.string("sec-websocket-protocol") != opened.subprotocol {
                channel.close(promise: nil)
                let reason = "the new session of the back-end has another subprotocol than the lost one had"
                end { $0.backFailed(Failure(.protocolViolation, .back, .headers, reason, address: address)) }
            } else {
                start(channel, exchange, opened)
            }
        case .refused(let answer):
            channel.close(promise: nil)
            let reason = "the back-end answered the WebSocket handshake with \(answer.status)"
            var failure = Failure(.handshakeRefused, .back, .headers, reason, address: address)
            failure.answer = answer
            end { $0.backFailed(failure) }
        }
    }

    private func start(_ channel: any Channel, _ exchange: Exchange, _ opened: WebSocketClientHandshake.Opened) {
        self.channel = channel
        phase = .open
        decoder.use(opened.compression)
        deflater = opened.compression.deflater(.client)
        if exchange.keepsUnwritten {
            writer = ExactWriter(
                channel, worker: worker, isClear: connector.dialer.isClear, isMidMessage: false
            ) { [unowned self] in writerProgressed() }
        } else {
            socket = SocketWriter(channel, isClear: connector.dialer.isClear)
        }
        startPinging(exchange.route.config.websocket)
        exchange.backReady()
        exchange.backOpened(opened.head)
        isInRead = true
        if opened.rest.readableBytes > 0 { received(opened.rest) }
        // The handshake's read goes on to its end, and to the next.
    }

    private func startPinging(_ options: WebSocketOptions) {
        guard let interval = options.pingInterval else { return }
        pinger = WebSocketPinger(
            worker, interval: interval, timeout: options.pongTimeout,
            // Who is not listened to must not be found silent.
            canSend: { [unowned self] in isWritable && !isWaitingForTake },
            tell: { [unowned self] in pingerFired($0) })
    }

    private func pingerFired(_ event: WebSocketPinger.Event) {
        switch event {
        case .sendPing: send(.ping, ByteBuffer(), .ofBridge)
        case .silent: broken("no answer to a ping (websocket.pongTimeout)", timeout: .pong)
        }
    }

    func readCompleted() {
        isInRead = false
        if phase == .lingering || !isWaitingForTake { channel?.read() }
    }

    /// How the back-end has ended the connection.
    private enum ConnectionEnd { case ended, lost((any Error)?) }

    /// What came before the end is delivered first, and its client may be slow: the end waits.
    private func waits(_ end: ConnectionEnd) -> Bool {
        guard isPaused, phase == .open || phase == .ending else { return false }
        laterEnd = end
        return true
    }

    /// All that has come was decoded.
    func decodedAll() {
        guard let end = laterEnd, phase == .open || phase == .ending else { return }
        laterEnd = nil
        switch end {
        case .ended: peerEnded()
        case .lost(let error): lost(error)
        }
    }

    func peerEnded() {
        worker.refreshClock()
        guard !waits(.ended) else { return }
        switch phase {
        case .open: broken("the back-end ended the connection without a close frame")
        case .ending: lost(nil)
        case .lingering: closeNow()
        case .dialling, .closed: break
        }
    }

    func lost(_ error: (any Error)?) {
        worker.refreshClock()
        guard !waits(.lost(error)) else { return }
        switch phase {
        case .open:
            let failure = Dialer.lost(error, address ?? "")
            connector.dialer.note(failure)
            broken(failure.reason)
        case .ending:
            closeNow()
            end { $0.backEndedForGood() }
        case .dialling, .lingering, .closed: closeNow()
        }
    }

    private func broken(_ reason: String, timeout: Failure.Timeout? = nil) {
        let kind: Failure.Kind = isInAnswer ? .messageCut : .connectionLost
        closeNow()
        let failure = Failure(
            kind, .back, .body, isInAnswer ? reason + ", inside a message" : reason, address: address, timeout: timeout)
        end { $0.backFailed(failure) }
    }

    func writabilityChanged() {
        if writer == nil, channel?.isWritable == true { exchange?.backWritable() }
    }

    // MARK: Ends

    func linger(_ time: TimeAmount) {
        phase = .lingering
        pinger?.stop()
        flushNow()
        arm(time)
        if time != connector.lingerTime { armWhenWritten() }
        // What still comes is read and dropped, so that the back-end's end is seen.
        if isWaitingForTake, !isInRead { channel?.read() }
    }

    private func noteLingering() {
        if phase == .lingering { worker.departs() } else { worker.hasDeparted() }
    }

    private func arm(_ time: TimeAmount) {
        lingerTimer?.cancel()
        lingerTimer = worker.timers.schedule(at: worker.eventLoop.now + time, self)
    }

    /// A back-end that has taken all there was has the lingering's own time for its end.
    private func armWhenWritten() {
        guard writer == nil else { return writerProgressed() }
        channel?.writeAndFlush(ByteBuffer()).assumeIsolated().whenComplete { [self] _ in allWritten() }
    }

    func allWritten() {
        if phase == .lingering { arm(connector.lingerTime) }
    }

    private func closeNow() {
        phase = .closed
        pinger?.stop()
        lingerTimer?.cancel()
        channel?.close(promise: nil)
        channel = nil
    }

    /// Tells the exchange the last thing.
    func end(_ tell: (Exchange) -> Void) {
        if phase == .dialling { phase = .closed }
        guard let exchange else { return }
        self.exchange = nil
        tell(exchange)
    }
}

extension WebSocketBackLeg: WheelTimerTarget {
    func timerFired(_ timer: WheelTimer) { closeNow() }
}
