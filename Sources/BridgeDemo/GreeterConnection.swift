// rtbridge: one HTTP/2 connection of the demo's gRPC server.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import HTTP2Session
import NIOCore

/// Drives an ``HTTP2Session`` with a channel's bytes, and makes a ``GreeterCall`` of each stream.
final class GreeterConnection: ChannelInboundHandler, HTTP2SessionDelegate {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Between two replies of SayHelloStreamReply.
    let replyInterval: TimeAmount
    private let session: HTTP2Session
    private var context: ChannelHandlerContext?
    private var output = HTTP2Output()
    private var hasOutput = false
    private var isSending = false

    init(replyInterval: TimeAmount) {
        self.replyInterval = replyInterval
        var options = HTTP2Options()
        options.streamWindow = 64 * 1024
        session = HTTP2Session(role: .front, options: options)
        session.delegate = self
    }

    // MARK: Lifecycle

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func channelActive(context: ChannelHandlerContext) {
        send()
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        session.connectionLost(.cancel)
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        session.delegate = nil
    }

    // MARK: Inbound

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do {
            try session.receive(unwrapInboundIn(data))
        } catch {
            send()  // the GOAWAY that says why
            context.close(promise: nil)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        send()
        context.fireChannelReadComplete()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { send() }
        context.fireChannelWritabilityChanged()
    }

    /// The caller's half-close of the connection: no call can be answered for long after it.
    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed {
            context.close(promise: nil)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    // MARK: Outbound

    /// Writes what the session has ready, as long as the channel takes it.
    func send() {
        guard let context, !isSending else { return }
        isSending = true
        defer { isSending = false }
        repeat {
            hasOutput = false
            output.flush(session, context)
            // What left may have let a call open its window again: that goes out, too.
        } while hasOutput && context.channel.isWritable
        if session.isOver { context.close(promise: nil) }
    }

    /// Runs `body` on this loop after `delay`, unless it is cancelled before.
    func schedule(in delay: TimeAmount, _ body: @escaping () -> Void) -> Scheduled<Void>? {
        context?.eventLoop.assumeIsolated().scheduleTask(in: delay, body)
    }

    // MARK: HTTP2SessionDelegate

    func http2Request(_ stream: HTTP2Stream, _ fields: FieldBlock, isTooLarge: Bool, endStream: Bool) {
        let call = GreeterCall(stream: stream, connection: self)
        stream.delegate = call
        call.begin(fields, isTooLarge: isTooLarge)
        if endStream { call.http2Ended() }
    }

    func http2Settings() {}
    func http2Goaway(lastStreamID: Int32, errorCode: HTTP2ErrorCode) {}
    func http2PingAcknowledged() {}
    func http2HasOutput() { hasOutput = true }
}

@available(*, unavailable)
extension GreeterConnection: Sendable {}
