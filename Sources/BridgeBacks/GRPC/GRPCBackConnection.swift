// rtbridge: one HTTP/2 connection to a gRPC back-end.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgePolicy
import BridgeSockets
import BridgeWire
import HTTP2Session
import NIOCore
import NIOOpenSSL

/// Drives one session with prior knowledge (RFC 9113 §3.3).
///
/// ```
/// connecting ──channelActive──▶ greeting ──SETTINGS──▶ ready ──GOAWAY──▶ leaving ──last stream──▶ closed
/// ```
final class GRPCBackConnection: ChannelInboundHandler, ByteReceiver {
    typealias InboundIn = ByteBuffer

    private enum Phase { case connecting, greeting, ready, leaving, closed }

    /// How long a connection may take to send its SETTINGS.
    private static let greetingTime = TimeAmount.seconds(20)  // gRPC connection-backoff.md: MIN_CONNECT_TIMEOUT

    private let connector: GRPCConnector
    let session: HTTP2Session
    private var output: HTTP2Output
    private var context: ChannelHandlerContext?
    private var phase = Phase.connecting
    private var isDirty = false
    private var isClosing = false
    private var greetingTimer: WheelTimer?
    private var care: ConnectionCare
    private var careTimer: WheelTimer?
    private var lastRead: NIODeadline
    /// When the number of calls became 0, or more than that.
    private var callsChangedAt: NIODeadline
    private var error: (any Error)?
    private var silence: Failure?
    private let dialledAt: NIODeadline
    private var connectedAt: NIODeadline?
    private var readyAt: NIODeadline?
    private(set) var pingsAnswered = 0
    private(set) var address = ""
    /// Why all streams ended at once, where the connection was lost.
    private(set) var lossFailure: Failure?

    init(connector: GRPCConnector) {
        self.connector = connector
        var options = HTTP2Options()
        options.maxHeaderListSize = 64 * 1024
        options.scheme = connector.dialer.isClear ? "http" : "https"
        (lastRead, callsChangedAt) = (connector.worker.now, connector.worker.now)
        dialledAt = connector.worker.now
        let backend = connector.dialer.backend
        care = ConnectionCare(
            interval: backend.keepalive.interval, timeout: backend.keepalive.timeout, idle: backend.idleTimeout,
            now: .nanoseconds(Int64(clamping: connector.worker.now.uptimeNanoseconds)))
        output = connector.dialer.isClear ? HTTP2Output() : HTTP2Output { $0.tlsSink }
        session = HTTP2Session(role: .back, options: options, buffers: connector.buffers)
        session.delegate = self
    }

    var isReady: Bool { phase == .ready }

    /// Whether one more stream may be opened now.
    var hasRoom: Bool { phase == .ready && session.streamCount < Int(session.peerMaxConcurrentStreams) }

    private var worker: Worker { connector.worker }

    struct Step {
        var began: NIODeadline
        var took: TimeAmount
        var phase: Failure.Phase
        var result: String
    }

    /// How the connection came to be, for those whose calls it fails.
    var steps: [Step] {
        guard let connectedAt else { return [] }
        var steps = [Step(began: dialledAt, took: connectedAt - dialledAt, phase: .connect, result: "connected")]
        if let readyAt {
            steps.append(Step(began: connectedAt, took: readyAt - connectedAt, phase: .http2, result: "SETTINGS came"))
        }
        return steps
    }

    // MARK: Commands

    /// The connector learns of success here, and of the address.
    func connected(_ address: String, since start: NIODeadline) {
        self.address = address
        guard phase == .connecting || phase == .greeting else { return }
        greetingTimer = worker.timers.schedule(at: start + Self.greetingTime, self)
    }

    func open(_ fields: FieldBlock, _ leg: GRPCBackLeg) -> GRPCBackStream? {
        guard phase == .ready else { return nil }
        let stream = GRPCBackStream(of: session, leg)
        guard session.open(fields, endStream: false, on: stream) else {
            // RFC 9113 §5.1.1: a client whose stream identifiers are used up "can establish a new connection".
            leave()
            return nil
        }
        if session.streamCount == 1 { callsChanged() }
        return stream
    }

    func closeWhenIdle() {
        guard phase == .ready else { return close() }
        leave()
    }

    /// Says GOAWAY and closes at the tick's end: sending is not possible from within the session's callbacks.
    private func close() {
        isClosing = true
        session.goaway(.noError)
    }

    /// Takes no more streams, and closes after the last one.
    private func leave() {
        guard phase == .ready else { return }
        phase = .leaving
        connector.connectionGone(self)
        session.forEachStream { ($0 as? GRPCBackStream)?.leg.connectionLeaves() }
        if session.streamCount == 0 { close() }
    }

    /// A stream has gone.
    func streamClosed() {
        if session.streamCount == 0 { callsChanged() }
        switch phase {
        case .ready: connector.streamsFreed()
        case .leaving where session.streamCount == 0: close()
        case .connecting, .greeting, .leaving, .closed: break
        }
    }

    // MARK: Inbound

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        if !connector.dialer.isClear { context.tlsHandler?.deliver(to: self) }
        worker.refreshClock()
        connectedAt = worker.now
        phase = .greeting
        worker.flushAtTickEnd(self)
        isDirty = true
        context.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { receive(unwrapInboundIn(data)) }

    func receive(_ bytes: ByteBuffer) {
        worker.refreshClock()
        lastRead = worker.now
        do throws(HTTP2SessionError) {
            try session.receive(bytes)
        } catch {
            self.error = error
            isClosing = true
        }
        // What the session answers by itself; whoever has it send something says so.
        if !isDirty, isClosing || session.wantsWrite || session.isOver { http2HasOutput() }
    }

    func channelReadComplete(context: ChannelHandlerContext) { context.read() }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { http2HasOutput() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { context.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.error = error
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        worker.refreshClock()
        self.context = nil
        greetingTimer?.cancel()
        careTimer?.cancel()
        let before = phase
        phase = .closed
        connector.connectionClosed()
        let failure: Failure
        if let error = error as? HTTP2SessionError {
            failure = Failure(.protocolViolation, .back, .http2, error.description, address: address, grpcCode: 14)
        } else {
            failure = silence ?? Dialer.lost(error, address)
        }
        lossFailure = failure
        session.connectionLost(.connectError)
        switch before {
        case .connecting, .greeting:
            var failure = failure
            if failure.phase != .tls { failure.phase = .http2 }
            if failure.kind == .connectionLost { failure.reason += " before its SETTINGS frame: does it speak HTTP/2?" }
            connector.attemptFailed(failure)
        case .ready: connector.connectionGone(self)
        case .leaving, .closed: break
        }
    }
}

extension GRPCBackConnection: HTTP2SessionDelegate {
    func http2Request(_ stream: HTTP2Stream, _ fields: FieldBlock, isTooLarge: Bool, endStream: Bool) {}

    func http2Settings() {
        switch phase {
        case .greeting:
            phase = .ready
            readyAt = worker.now
            greetingTimer?.cancel()
            takeCare()
            connector.connectionReady(self)
        case .ready: connector.streamsFreed()
        case .connecting, .leaving, .closed: break
        }
    }

    func http2Goaway(lastStreamID: Int32, errorCode: HTTP2ErrorCode) { leave() }

    func http2PingAcknowledged() { pingsAnswered += 1 }

    func http2HasOutput() {
        guard !isDirty else { return }
        isDirty = true
        worker.flushAtTickEnd(self)
    }
}

// MARK: - Keepalive and idleness

extension GRPCBackConnection {
    private static func time(_ deadline: NIODeadline) -> Duration {
        .nanoseconds(Int64(clamping: deadline.uptimeNanoseconds))
    }

    private func callsChanged() {
        callsChangedAt = worker.now
        // A timer that is armed finds out by itself.
        if careTimer == nil, phase == .ready { takeCare() }
    }

    private func takeCare() {
        careTimer = nil
        guard phase == .ready || phase == .leaving else { return }
        let time = Self.time(worker.now)
        care.received(at: Self.time(lastRead))
        care.calls(session.streamCount > 0, since: Self.time(callsChangedAt))
        switch care.tick(now: time) {
        case .ping:
            session.ping()
            takeCare()
        case .closeIdle: closeWhenIdle()
        case .giveUp:
            silence = Failure(
                .connectionLost, .back, .http2, "no answer to a PING (keepalive.timeout)", address: address,
                timeout: .keepalive)
            context?.close(promise: nil)
        case .wait(let until):
            // Calls may begin and end before `until`: silence is looked for as often as it may be pinged.
            let interval = connector.dialer.backend.keepalive.interval.map { time + $0 }
            guard let next = [until, interval].compactMap({ $0 }).min() else { return }
            careTimer = worker.timers.schedule(at: worker.now + TimeAmount(next - time), self)
        }
    }
}

extension GRPCBackConnection: TickFlushable {
    func flushAtTickEnd() {
        isDirty = false
        guard let context else { return }
        output.flush(session, context)
        if let violation = session.violation { error = error ?? violation }
        if isClosing || session.isOver { context.close(promise: nil) }
    }
}

extension GRPCBackConnection: WheelTimerTarget {
    func timerFired(_ timer: WheelTimer) {
        if timer === careTimer { return takeCare() }
        guard phase == .greeting || phase == .connecting else { return }
        let seconds = Self.greetingTime.nanoseconds / 1_000_000_000
        silence = Failure(
            .connectTimeout, .back, .http2, "no SETTINGS frame within \(seconds) s: does it speak HTTP/2?",
            address: address, timeout: .settings)
        context?.close(promise: nil)
    }
}
