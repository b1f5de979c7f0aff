// rtbridge: a WebSocket with gRPC calls in it.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgeWire
import NIOCore

/// One WebSocket: its frames, pings and end. What its messages mean is in GRPCWebSocketSession+Calls.swift.
///
/// ```
/// open ──the only call's end · drain · violation: close sent──▶ closing ──client's close, or closeTime──▶ over
///   └──client's close or end: calls cancelled, the answer──────────────────────────────────────────────▶ over
/// ```
final class GRPCWebSocketSession {
    private enum Phase { case open, closing, over }

    /// How long a client may take to answer a close frame, before the connection is closed under it.
    static let closeTime = TimeAmount.seconds(10)
    /// How long a call's back-end may take nothing while the other calls of the WebSocket wait behind it.
    static let stallTime = TimeAmount.seconds(10)

    let request: FrontRequest
    let kind: GRPCWebSocketSubprotocol
    let findRoute: (RequestHead) -> WorkerRoute?
    var demultiplexer = GRPCWebSocketDemultiplexer()
    /// The calls that are not over, by their streams' numbers.
    var calls: [UInt32: GRPCWebSocketCall] = [:]
    /// Whose message is under way; nil for one that is passed over.
    var current: GRPCWebSocketCall?
    /// Calls that have more untaken bytes than they may: nothing is read then, for what comes next may be theirs.
    private var blocked: Set<UInt32> = []
    private let stream: any HTTPFrontStream
    /// Messages have no bound of their own: what is in them goes on as it comes, and gRPC's messages have theirs.
    private var decoder = WebSocketDecoder(role: .server, maxMessageBytes: .max)
    private var deflater: WebSocketDeflater?
    /// What is in the decoder waits until the calls have taken what was inflated before.
    private var isPaused = false
    private var phase = Phase.open
    /// Bytes on the wire that were not let in again yet.
    private var withheld = 0
    private var pinger: WebSocketPinger?
    private var closeTimer: WheelTimer?
    private var stallTimer: WheelTimer?
    private var idleTimer: WheelTimer?
    /// When there was a call last.
    private var lastCall: NIODeadline

    init(
        _ request: FrontRequest, _ kind: GRPCWebSocketSubprotocol, findRoute: @escaping (RequestHead) -> WorkerRoute?
    ) {
        self.request = request
        self.kind = kind
        self.findRoute = findRoute
        stream = request.stream
        lastCall = request.worker.now
    }

    func start(_ upgrade: WebSocketUpgrade, subprotocol: String) {
        stream.handler = self
        var answer = WebSocketFront.answer(upgrade, subprotocol: subprotocol)
        if let deflate = WebSocketFront.deflate(request, upgrade) {
            answer.append("sec-websocket-extensions", deflate.answer.description.utf8)
            decoder.use(.deflate(deflate.parameters))
            deflater = WebSocketCompression.deflate(deflate.parameters).deflater(.server)
        }
        if kind == .single { calls[0] = GRPCWebSocketCall(0, self) }
        armIdleTimer()
        stream.openTunnel(answer)
        guard phase == .open else { return }
        // A drain that began before found nobody to tell.
        guard !worker.isDraining else { return drain() }
        let options = request.route.config.websocket
        guard let interval = options.pingInterval else { return }
        let stream = stream
        pinger = WebSocketPinger(
            request.worker, interval: interval, timeout: options.pongTimeout, canSend: { stream.isWritable },
            tell: { [unowned self] in pingerFired($0) })
    }

    var worker: Worker { request.worker }
    var isWritable: Bool { phase == .open && stream.isWritable }
    var hasCalls: Bool { calls.values.contains { $0.hasBegun } }

    // MARK: Frames

    private func decode() {
        do throws(WebSocketViolation) {
            while phase != .over, let event = try decoder.next() {
                try received(event)
                // A little on the wire may be much in memory: the next is made once there is somebody to take it.
                if decoder.isInflating, !blocked.isEmpty, phase == .open { return isPaused = true }
            }
        } catch {
            violated(error)
        }
    }

    private func received(_ event: WebSocketEvent) throws(WebSocketViolation) {
        switch event {
        case .data(_, .text, _):
            throw WebSocketViolation(
                closeCode: .unsupportedData, reason: "gRPC over WebSocket is binary messages, and this one is text")
        case .data(let bytes, .binary, let endsMessage):
            if phase == .open { try received(bytes, endsMessage: endsMessage) }
        case .ping(let payload):
            // RFC 6455 §5.5.3: a client that does not read its pongs gets no more of them.
            if isWritable { write(.pong, payload) }
        case .pong: for call in calls.values { call.noteActivity() }
        case .close(let code, _): clientClosed(code)
        }
    }

    private func write(_ opcode: WebSocketOpcode, _ payload: ByteBuffer, isMarked: Bool = false) {
        worker.scratch.clear()
        WebSocketEncoder.writeHeader(
            opcode: opcode, isMarked: isMarked, payloadLength: payload.readableBytes, into: &worker.scratch)
        stream.write(worker.scratch)
        stream.write(payload)
    }

    private func writeClose(_ code: WebSocketCloseCode?, _ reason: String = "") {
        var frame = ByteBuffer()
        WebSocketEncoder.writeClose(code: code, reason: reason, into: &frame)
        stream.write(frame)
    }

    /// A message of a call, with its stream's number before it where there are several.
    func send(_ payload: ByteBuffer, of call: GRPCWebSocketCall, isLast: Bool) {
        switch kind {
        case .single: if phase == .open { writeMessage(payload) }
        case .multiplex: send(payload, GRPCWebSocketStreamID(number: call.number, isFinal: isLast))
        }
    }

    func send(_ payload: ByteBuffer, _ stream: GRPCWebSocketStreamID) {
        guard phase == .open else { return }
        guard deflater == nil else {
            var message = ByteBuffer()
            message.writeInteger(stream.wire)
            message.writeImmutableBuffer(payload)
            return writeMessage(message)
        }
        var header = ByteBuffer()
        let length = GRPCWebSocketStreamID.length + payload.readableBytes
        WebSocketEncoder.writeHeader(opcode: .binary, payloadLength: length, into: &header)
        header.writeInteger(stream.wire)
        self.stream.write(header)
        self.stream.write(payload)
    }

    private func writeMessage(_ payload: ByteBuffer) {
        guard let deflater else { return write(.binary, payload) }
        let piece = deflater.deflate(payload, begins: true, ends: true)
        write(.binary, piece.payload, isMarked: piece.isMarked)
    }

    // MARK: Back-pressure

    /// Bytes that a call's back-end may leave untaken before nothing more is read: as a stream of HTTP/2 may where
    /// other calls go on beside it.
    private var maximumUntaken: Int { kind == .single ? 64 * 1024 : 256 * 1024 }

    /// A call has got bytes, or some were taken, or it has ended.
    func noteUntaken(of call: GRPCWebSocketCall) {
        if call.untaken > maximumUntaken, calls[call.number] === call {
            blocked.insert(call.number)
            guard kind == .multiplex, stallTimer == nil else { return }
            stallTimer = worker.timers.schedule(at: worker.now + Self.stallTime, self)
        } else if blocked.remove(call.number) != nil {
            letIn()
        }
    }

    private func letIn() {
        guard phase == .over || blocked.isEmpty else { return }
        stallTimer?.cancel()
        stallTimer = nil
        if isPaused {
            isPaused = false
            decode()
            guard !isPaused else { return }
        }
        guard withheld > 0 else { return }
        let count = withheld
        withheld = 0
        stream.consume(count)
    }

    /// A call whose back-end has taken nothing for the whole time is given up for the others' sake.
    private func checkStall() {
        stallTimer = nil
        let reason = "the back-end takes no bytes, and the WebSocket's other calls wait behind them"
        for call in blocked.compactMap({ calls[$0] }) where worker.now - call.lastTaken >= Self.stallTime {
            call.giveUp(
                Failure(.overloaded, .back, .body, reason, grpcCode: Int(GRPCStatusCode.resourceExhausted.rawValue)))
        }
        guard let next = blocked.compactMap({ calls[$0]?.lastTaken }).min() else { return }
        stallTimer = worker.timers.schedule(at: next + Self.stallTime, self)
    }

    // MARK: Ends

    /// Says the end first, and waits for the client's close frame (RFC 6455 §7.1.2).
    func startClosing(_ code: WebSocketCloseCode, _ reason: String) {
        guard phase == .open else { return }
        writeClose(code, reason)
        phase = .closing
        pinger?.stop()
        closeTimer = worker.timers.schedule(at: worker.now + Self.closeTime, self)
    }

    private func clientClosed(_ code: WebSocketCloseCode?) {
        // RFC 6455 §5.5.1: "the endpoint typically echos the status code it received".
        if phase == .open { writeClose(code) }
        leave("the client closed the WebSocket")
    }

    private func violated(_ violation: WebSocketViolation) {
        if phase == .open { writeClose(violation.closeCode, violation.reason) }
        leave(violation.reason)
    }

    /// Both close frames went, or the client is gone: calls that go on are cancelled.
    private func leave(_ reason: String) {
        guard phase != .over else { return }
        phase = .over
        for timer in [closeTimer, stallTimer, idleTimer] { timer?.cancel() }
        pinger?.stop()
        current = nil
        let calls = calls
        self.calls = [:]
        for call in calls.values { call.abort(reason) }
        blocked = []
        letIn()
        stream.finish(nil)
    }

    private func pingerFired(_ event: WebSocketPinger.Event) {
        switch event {
        case .sendPing: write(.ping, ByteBuffer())
        case .silent:
            stream.reset()
            leave("no answer to a ping (websocket.pongTimeout)")
        }
    }

    // MARK: A WebSocket without calls

    private func armIdleTimer() {
        guard let idle = request.route.config.timeouts.idle else { return }
        idleTimer = worker.timers.schedule(at: lastCall + TimeAmount(idle), self)
    }

    private func checkIdle() {
        if hasCalls { lastCall = worker.now }
        guard let idle = request.route.config.timeouts.idle, worker.now - lastCall >= TimeAmount(idle) else {
            return armIdleTimer()
        }
        startClosing(.goingAway, "no call for so long (timeouts.idle)")
    }

    func noteCallEnded() { lastCall = worker.now }
}

extension GRPCWebSocketSession: HTTPFrontHandler {
    func requestBody(_ bytes: ByteBuffer) {
        pinger?.heard()
        // RFC 6455 §1.4: what follows a close frame is discarded.
        guard phase != .over else { return stream.consume(bytes.readableBytes) }
        withheld += bytes.readableBytes
        decoder.append(bytes)
        if !isPaused { decode() }
        letIn()
    }

    func requestEnded(_ trailers: FieldBlock?) { leave("the client closed the connection") }
    func requestAborted(_ reason: String) { leave(reason) }

    func responseWritable() { for call in calls.values { call.handler?.responseWritable() } }

    func drain() { drainCalls() }
}

extension GRPCWebSocketSession: WheelTimerTarget {
    func timerFired(_ timer: WheelTimer) {
        if timer === closeTimer {
            leave("the client did not close the WebSocket")
        } else if timer === stallTimer {
            checkStall()
        } else if timer === idleTimer {
            checkIdle()
        }
    }
}
