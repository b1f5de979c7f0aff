// rtbridge: whether a TCP back-end takes a connection.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import NIOCore
import NIOOpenSSL

/// In clear text a connection is all that is asked. In TLS 1.3 a client's handshake is complete before the server has
/// looked at the client's certificate (RFC 8446 §4.4.4), so the end is said and the server's answer waited for: its
/// own end, or the alert with which it refuses.
final class TCPProbe: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// For a server that goes on: it would have refused by now.
    private static let answerTime = TimeAmount.seconds(1)

    private let dialer: Dialer
    private let done: (Failure?) -> Void
    private var channel: (any Channel)?
    private var address = ""
    private var timer: WheelTimer?
    private var isOver = false

    init(_ dialer: Dialer, _ done: @escaping (Failure?) -> Void) {
        self.dialer = dialer
        self.done = done
    }

    func connected(_ channel: any Channel, _ address: String) {
        self.address = address
        guard !dialer.isClear else {
            channel.close(promise: nil)
            return finish(nil)
        }
        self.channel = channel
        timer = dialer.worker.timers.schedule(at: dialer.worker.now + Self.answerTime, self)
        channel.close(mode: .output, promise: nil)
        channel.read()
    }

    private func finish(_ failure: Failure?) {
        guard !isOver else { return }
        isOver = true
        timer?.cancel()
        channel?.close(promise: nil)
        channel = nil
        done(failure)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if channel != nil { finish(nil) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if channel != nil, case ChannelEvent.inputClosed = event { finish(nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard channel != nil else { return context.close(promise: nil) }
        let failure = Dialer.lost(error, address)
        finish(failure.phase == .tls ? failure : nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if channel != nil { finish(nil) }
    }
}

extension TCPProbe: WheelTimerTarget {
    func timerFired(_ timer: WheelTimer) { finish(nil) }
}

@available(*, unavailable)
extension TCPProbe: Sendable {}
