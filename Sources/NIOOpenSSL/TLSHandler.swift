// rtbridge: TLS as a channel handler.
// SPDX-License-Identifier: Apache-2.0
import BridgeSockets
import NIOCore

/// Speaks TLS with the peer and plaintext with the handlers behind it: ByteBuffers in both directions.
///
/// - ``TLSHandshakeCompleted`` is fired as a user inbound event, before any plaintext. What is written earlier is queued
///   and sent then. The channel's writability knows nothing of that queue, ``queuedBytes`` does: a writer of much should
///   wait for the event.
/// - The writes of a flush are packed into full records. Their promises succeed when the ciphertext is written.
/// - A close_notify from the peer, or the transport's end, fires `ChannelEvent.inputClosed` once; after an end without a
///   close_notify a ``TLSError/Kind/truncated`` error precedes it. The channel stays open: closing is the owner's choice.
/// - `close(mode: .output)` sends what is queued and a close_notify; the transport's output stays open for alerts.
/// - `close(mode: .all)` sends what is queued and a close_notify, then closes the transport. It does not wait for the
///   peer's close_notify, and for a peer that does not read only ``lingerTime``; a second `close` waits for nothing.
/// - A handshake that fails, or a peer that breaks the protocol: the alert is sent, a ``TLSError`` is fired by
///   `errorCaught`, and the channel is closed (RFC 8446 §6.2). After an error nothing is read.
///
/// A ``BridgeSockets/ByteReceiver`` takes the plaintext in the next handler's place (``deliver(to:)``). All other events
/// go by the pipeline.
///
/// To be added before the channel is active, or to an active channel whose next bytes are the peer's first TLS record.
public final class TLSHandler: ChannelDuplexHandler, RemovableChannelHandler {
    public typealias InboundIn = ByteBuffer
    public typealias InboundOut = ByteBuffer
    public typealias OutboundIn = ByteBuffer
    public typealias OutboundOut = ByteBuffer

    /// How long `close` waits for a peer that does not read to take what was sent.
    public static let lingerTime = TimeAmount.seconds(5)
    /// The longest plaintext of one read.
    static let maximumDelivery = 64 * 1024

    private let tls: TLSContext
    private let serverName: String?
    let buffers: TLSBuffers?
    private(set) var context: ChannelHandlerContext?

    var state = TLSState()
    var connection: TLSConnection?
    var queue = PlaintextQueue()
    /// Past the channel's queue; nil where there is no socket.
    var writer: SocketWriter?
    /// The writes whose records wait in the connection's outbound buffer.
    var sealedPromise: EventLoopPromise<Void>?
    /// Of `close(mode: .output)`, until the close_notify is sent.
    var closeOutputPromise: EventLoopPromise<Void>?
    /// Of `close(mode: .all)`, until the transport is closed.
    var closePromise: EventLoopPromise<Void>?
    var lingerTimer: Scheduled<Void>?
    /// Whether the owner asked for data and has got none since.
    private var isReadWanted = false
    /// Who takes the plaintext; nil: the next handler.
    private var receiver: (any ByteReceiver)?
    /// Whether the next handler got plaintext and was not told yet that the read is over.
    private var isReadCompleteDue = false

    /// A server's side.
    /// - Parameter buffers: those of the event loop, where many connections share them.
    public init(server context: TLSContext, buffers: TLSBuffers? = nil) {
        precondition(context.side == .server, "a client's context was given to a server's handler")
        tls = context
        serverName = nil
        self.buffers = buffers
    }

    /// A client's side.
    /// - Parameter serverName: the DNS name (sent as SNI) or IP address that the server's certificate must be for. With
    ///   full verification one is needed: without it the handshake fails.
    /// - Parameter buffers: those of the event loop, where many connections share them.
    public init(client context: TLSContext, serverName: String?, buffers: TLSBuffers? = nil) {
        precondition(context.side == .client, "a server's context was given to a client's handler")
        tls = context
        self.serverName = serverName
        self.buffers = buffers
    }

    /// Plaintext that was written and is not in records yet: before the handshake's end, and until a flush. On the event
    /// loop only.
    public var queuedBytes: Int { queue.queuedBytes }

    /// Has `receiver` take the plaintext from now on, and keeps it until this handler leaves the pipeline. On the event
    /// loop only.
    public func deliver(to receiver: any ByteReceiver) { self.receiver = receiver }

    // MARK: Lifecycle

    public func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { start(context) }
    }

    public func handlerRemoved(context: ChannelHandlerContext) {
        state.end()
        release(.connectionClosed)
        writer = nil
        receiver = nil
        self.context = nil
    }

    public func channelActive(context: ChannelHandlerContext) {
        context.fireChannelActive()
        start(context)
    }

    public func channelInactive(context: ChannelHandlerContext) {
        transportEnded(context)
        state.end()
        release(.connectionClosed)
        context.fireChannelInactive()
    }

    private func start(_ context: ChannelHandlerContext) {
        guard state.start() else { return }
        writer = SocketWriter(context.channel, from: context)
        do {
            let connection = try TLSConnection(tls, serverName: serverName)
            self.connection = connection
            run(context, connection)
            // Whoever waits for the handshake's end to read would wait for ever.
            if state.phase == .handshaking { context.read() }
        } catch {
            fail(context, error)
        }
    }

    // MARK: Inbound

    public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard state.isReceiving, let connection else { return }
        connection.receive(unwrapInboundIn(data))
        run(context, connection)
        connection.releaseInbound()
    }

    public func channelReadComplete(context: ChannelHandlerContext) {
        if receiver == nil || isReadCompleteDue {
            isReadCompleteDue = false
            context.fireChannelReadComplete()
        }
        // What was read made no plaintext yet: whoever asked for some is still waiting. A receiver always is.
        if state.phase == .handshaking || (isReadWanted || receiver != nil) && state.isReceiving { context.read() }
    }

    public func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed {
            transportEnded(context)
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    /// Does what the bytes at hand allow: the handshake, plaintext to the owner, records to the peer.
    private func run(_ context: ChannelHandlerContext, _ connection: TLSConnection) {
        if state.phase == .handshaking, !shakeHands(context, connection) { return }
        deliver(context, connection)
        guard state.phase == .open else { return }
        // OpenSSL seldom answers what it reads.
        if connection.hasOutbound || queue.hasFlushed || state.isCloseNotifyDue || sealedPromise != nil {
            sealQueued(context)
            send(context)
        }
    }

    /// Opens what came and hands it to the owner.
    private func deliver(_ context: ChannelHandlerContext, _ connection: TLSConnection) {
        var outcome = TLSConnection.OnOpened.full
        while outcome == .full, state.isDelivering, case let bound = connection.plaintextBound, bound > 0 {
            let isShort = bound <= TLSBuffers.maximumPlaintext
            var plaintext =
                (isShort ? buffers?.take() : nil)
                ?? context.channel.allocator.buffer(capacity: min(bound, Self.maximumDelivery))
            outcome = connection.open(into: &plaintext)
            buffers?.noteRead(of: connection)
            if plaintext.readableBytes > 0 {
                hand(context, plaintext)
            }
            if isShort { buffers?.giveBack(plaintext) }
        }
        // The owner may have closed the connection in the meantime.
        guard state.phase == .open else { return }
        switch outcome {
        case .full, .needsBytes: break
        case .closed: inputClosed(context)
        case .failed(let error): fail(context, error)
        }
    }

    private func hand(_ context: ChannelHandlerContext, _ plaintext: ByteBuffer) {
        isReadWanted = false
        if let receiver { return receiver.receive(plaintext) }
        isReadCompleteDue = true
        context.fireChannelRead(wrapInboundOut(plaintext))
    }

    /// - Returns: whether the connection is open.
    private func shakeHands(_ context: ChannelHandlerContext, _ connection: TLSConnection) -> Bool {
        switch connection.handshake() {
        case .needsBytes:
            send(context)
            return false
        case .failed(let error):
            fail(context, error)
            return false
        case .complete:
            state.handshakeCompleted()
            context.fireUserInboundEventTriggered(connection.agreement())
            return state.phase == .open
        }
    }

    private func inputClosed(_ context: ChannelHandlerContext) {
        guard state.closeNotifyReceived() else { return }
        context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    }

    private func transportEnded(_ context: ChannelHandlerContext) {
        switch state.transportEnded() {
        case .nothing: break
        case .handshakeCut:
            fail(
                context, TLSError(.handshakeFailed, "the peer closed the connection before the handshake was complete"))
        case .truncated:
            context.fireErrorCaught(
                TLSError(.truncated, "the peer ended the connection without a close_notify; data may be missing"))
            context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        }
    }

    // MARK: Outbound

    public func read(context: ChannelHandlerContext) {
        isReadWanted = true
        context.read()
    }

    public func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard state.isWritable else {
            promise?.fail(TLSError.connectionClosed)
            return
        }
        queue.append(unwrapOutboundIn(data), promise)
    }

    public func flush(context: ChannelHandlerContext) {
        queue.flush()
        sealQueued(context)
        send(context)
    }

    public func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        switch mode {
        case .all: closeAll(context, promise)
        case .output: closeOutput(context, promise)
        case .input: promise?.fail(ChannelError.operationUnsupported)
        }
    }
}

@available(*, unavailable)
extension TLSHandler: Sendable {}
