// rtbridge: a connection to a back-end until its TLS handshake is complete.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import NIOCore
import NIOOpenSSL

/// Stands between TLS and whoever is to speak with the back-end, who sees nothing before both sides have agreed: then
/// the channel becomes active for him, and this handler leaves the pipeline.
///
/// ```
/// shaking ──agreed──▶ over
///    └──error, time-out, closed──▶ over
/// ```
final class BackHandshake: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias Done = (Result<any Channel, Failure>) -> Void

    private let application: TLSClient.Application
    private let dialer: Dialer
    private let address: String
    private let deadline: NIODeadline
    /// nil once it was told.
    private var done: Done?
    /// Whether there is somebody behind this handler to tell of what happens.
    private var hasAgreed = false
    private var channel: (any Channel)?
    private var timer: WheelTimer?

    init(_ application: TLSClient.Application, _ dialer: Dialer, _ address: String, done: @escaping Done) {
        self.application = application
        self.dialer = dialer
        self.address = address
        self.done = done
        deadline = dialer.worker.eventLoop.now + TimeAmount(dialer.backend.connectTimeout)
    }

    /// The connection that TLS was to run on was not made.
    func failed(_ failure: Failure) { finish(.failure(failure)) }

    private func finish(_ result: Result<any Channel, Failure>) {
        guard let done else { return }
        self.done = nil
        timer?.cancel()
        channel = nil
        dialer.worker.refreshClock()
        if case .failure(let failure) = result { dialer.note(failure) }
        done(result)
    }

    func channelActive(context: ChannelHandlerContext) {
        channel = context.channel
        timer = dialer.worker.timers.schedule(at: deadline, self)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard !hasAgreed else { return context.fireUserInboundEventTriggered(event) }
        guard done != nil, let agreed = event as? TLSHandshakeCompleted else { return }
        if let refusal = application.refusal(of: agreed.alpn) {
            finish(.failure(Failure(.tlsFailed, .back, .tls, refusal, address: address)))
            return context.close(promise: nil)
        }
        hasAgreed = true
        let channel = context.channel
        context.fireChannelActive()
        finish(.success(channel))
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard !hasAgreed else { return context.fireErrorCaught(error) }
        finish(.failure(Dialer.shakingFailed(error, address)))
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        guard !hasAgreed else { return context.fireChannelInactive() }
        finish(.failure(Dialer.shakingFailed(nil, address)))
    }
}

extension BackHandshake: WheelTimerTarget {
    func timerFired(_ timer: WheelTimer) {
        let channel = channel
        let reason =
            "no end of the handshake within \(dialer.backend.connectTimeout / .seconds(1)) s (timeouts.connect)"
        finish(.failure(Failure(.connectTimeout, .back, .tls, reason, address: address, timeout: .connect)))
        channel?.close(promise: nil)
    }
}

@available(*, unavailable)
extension BackHandshake: Sendable {}
