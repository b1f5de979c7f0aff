// rtbridge: one connection to a WebSocket back-end, from its handshake on.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgeWire
import NIOCore

/// Asks an endpoint for a WebSocket, then hands the connection's events to its leg.
///
/// ```
/// dialling ──dialled──▶ asking ──answer──▶ answered
///     └────────────────────┴─(failed, given up, no answer in time)──▶ over
/// ```
final class WebSocketOpening: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private enum Phase { case dialling, asking, answered, over }

    /// What the endpoint answered.
    enum Answer {
        case opened(WebSocketClientHandshake.Opened)
        case refused(HTTPAnswer)
    }

    private let leg: WebSocketBackLeg
    private let address: String
    private let worker: Worker
    private let timeout: TimeAmount
    private let request: ByteBuffer
    private var handshake: WebSocketClientHandshake
    private var phase = Phase.dialling
    private var channel: (any Channel)?
    private var done: ((Result<any Channel, Failure>) -> Void)?
    private var timer: WheelTimer?
    private var error: (any Error)?
    private(set) var answer: Answer?

    init(
        _ leg: WebSocketBackLeg, _ exchange: Exchange, _ dialer: Dialer, _ address: String,
        _ done: @escaping (Result<any Channel, Failure>) -> Void
    ) {
        self.leg = leg
        self.done = done
        self.address = address
        worker = dialer.worker
        timeout = TimeAmount(dialer.backend.handshakeTimeout)
        let key = WebSocketHandshake.key(random: (worker.random.next(), worker.random.next()))
        handshake = WebSocketClientHandshake(
            key: key, subprotocols: FieldTokens.elements(exchange.request, "sec-websocket-protocol"),
            offer: Self.offer(exchange))
        request = handshake.request(exchange.request, client: exchange.client, host: address)
    }

    /// What a lost session has not written must be readable without those before it: such routes compress nothing there.
    private static func offer(_ exchange: Exchange) -> WebSocketClientHandshake.Offer {
        switch exchange.route.config.websocket.compression {
        case .off: .none
        case .on: exchange.keepsUnwritten ? .none : .deflate
        case .passthrough: .passThrough((try? WebSocketHandshake.extensions(exchange.request)) ?? [])
        }
    }

    // MARK: Commands

    func dialled(_ result: Result<any Channel, Failure>) {
        switch result {
        case .success(let channel):
            guard phase == .dialling else { return channel.close(promise: nil) }
            self.channel = channel
            phase = .asking
            timer = worker.timers.schedule(at: worker.now + timeout, self)
            channel.writeAndFlush(request, promise: nil)
            channel.read()
        case .failure(let failure): end(.failure(failure))
        }
    }

    /// Nobody waits for an answer any more.
    func giveUp() { fail(Failure(.aborted, .front, .connect, "the client is gone", address: address)) }

    // MARK: Events of the connection

    func handlerAdded(context: ChannelHandlerContext) {
        if phase == .dialling { channel = context.channel } else { context.close(promise: nil) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        switch phase {
        case .asking: received(bytes)
        case .answered: leg.received(bytes)
        case .dialling, .over: break
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        switch phase {
        case .asking: context.read()
        case .answered: leg.readCompleted()
        case .dialling, .over: break
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if phase == .answered { leg.writabilityChanged() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case ChannelEvent.inputClosed = event else { return context.fireUserInboundEventTriggered(event) }
        switch phase {
        case .asking: ended()
        case .answered: leg.peerEnded()
        case .dialling, .over: break
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.error = error
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        switch phase {
        case .asking: ended()
        case .answered: leg.lost(error)
        case .dialling, .over: break
        }
    }

    // MARK: Inside

    private func received(_ bytes: ByteBuffer) {
        worker.refreshClock()
        do throws(WebSocketHandshakeError) {
            switch try handshake.receive(bytes) {
            case .needsMore: break
            case .opened(let opened): answered(.opened(opened))
            case .refused(let answer): answered(.refused(answer))
            }
        } catch {
            fail(Failure(.protocolViolation, .back, .headers, error.reason, address: address))
        }
    }

    private func ended() {
        worker.refreshClock()
        if let answer = handshake.ended() { return answered(.refused(answer)) }
        var failure = Dialer.lost(error, address)
        failure.phase = .headers
        failure.reason += " before it answered the WebSocket handshake"
        fail(failure)
    }

    private func answered(_ answer: Answer) {
        guard let channel else { return }
        self.answer = answer
        phase = .answered
        end(.success(channel))
    }

    private func fail(_ failure: Failure) {
        guard phase == .dialling || phase == .asking else { return }
        phase = .over
        channel?.close(promise: nil)
        channel = nil
        end(.failure(failure))
    }

    private func end(_ result: Result<any Channel, Failure>) {
        timer?.cancel()
        let done = done
        self.done = nil
        done?(result)
    }
}

extension WebSocketOpening: WheelTimerTarget {
    func timerFired(_ timer: WheelTimer) {
        let reason =
            "no answer to the WebSocket handshake within \(Double(timeout.nanoseconds) / 1e9) s (timeouts.handshake)"
        fail(Failure(.connectTimeout, .back, .headers, reason, address: address, timeout: .handshake))
    }
}
