// rtbridge: a session's TCP connection to its back-end.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgeSockets
import BridgeWire
import NIOCore

/// A byte stream both ways. Reads only when what it read before was taken, so that a client that does not read stops
/// the back-end, through TCP's own window.
///
/// ```
/// dialling ──▶ open ──(exchange detaches: last bytes, FIN, then the linger time)──▶ lingering ──▶ closed
///     └─────────┴──────────────────────────(cancel, error)──────────────────────────────────────────────▶
/// ```
final class TCPBackLeg: BackLeg {
    private enum Phase { case dialling, open, lingering, closed }

    /// Up to this many bytes, pieces of one tick are put together.
    private static let maximumCopied = 16 * 1024

    private let connector: TCPConnector
    private var phase = Phase.dialling {
        didSet { if (phase == .lingering) != (oldValue == .lingering) { noteLingering() } }
    }
    private var exchange: Exchange?
    private var channel: (any Channel)?
    /// Takes the place of the channel's own queue where what was not written is asked for.
    private var writer: ExactWriter?
    private var socket: SocketWriter?
    /// What goes out through it at the end of the tick.
    private var outbound = ByteBuffer()
    private var lingerTimer: WheelTimer?
    private var isDirty = false
    private var isWaitingForTake = false
    private var hasEnded = false
    private var hasSentEnd = false
    private var hasPeerEnded = false
    private var isInRead = false
    /// The channel that is not connected yet.
    private var dialling: (any Channel)?
    private(set) var address: String?

    init(connector: TCPConnector) { self.connector = connector }

    private var worker: Worker { connector.dialer.worker }
    var isWritable: Bool { writer?.isWritable ?? channel?.isWritable ?? false }
    var staysOpenAfterEnd: Bool { exchange?.route.config.tcp.halfClose ?? false }

    // MARK: Commands of the exchange

    func open(_ exchange: Exchange) {
        self.exchange = exchange
        let nodelay = exchange.route.config.tcp.nodelay
        connector.connect(for: exchange, nodelay: nodelay, handler: { TCPBackHandler(leg: self) }) { [self] result in
            switch result {
            case .success((let channel, let endpoint)): connected(channel, Dialer.text(endpoint))
            case .failure(let failure):
                address = failure.address
                end { $0.backFailed(failure) }
            }
        }
    }

    func deliver(_ bytes: ByteBuffer, _ flags: BodyFlags) {
        guard phase == .open, !hasEnded, let channel else { return }
        if let writer {
            writer.append(bytes, flags)
        } else {
            gather(bytes, channel)
        }
        markDirty()
    }

    private func gather(_ bytes: ByteBuffer, _ channel: any Channel) {
        guard bytes.readableBytes > 0 else { return }
        if socket == nil {
            channel.write(bytes, promise: nil)
        } else if outbound.readableBytes > 0, outbound.readableBytes + bytes.readableBytes <= Self.maximumCopied {
            outbound.writeImmutableBuffer(bytes)
        } else {
            sendOutbound()
            outbound = bytes
        }
    }

    private func sendOutbound() {
        guard outbound.readableBytes > 0 else { return }
        socket?.send(outbound)
        outbound = ByteBuffer()
    }

    func finish(_ trailers: FieldBlock?) {
        guard phase == .open, !hasEnded else { return }
        hasEnded = true
        writer?.flush()
        sendOutbound()
        if writer?.isEmpty ?? true { sendEnd() }
    }

    private func sendEnd() {
        guard let channel else { return }
        // The end is sent once everything before it was: closing the output earlier would drop it.
        channel.writeAndFlush(ByteBuffer()).assumeIsolated().whenComplete { [self] _ in
            hasSentEnd = true
            if phase == .lingering { arm(connector.lingerTime) }
            if hasPeerEnded { channel.close(promise: nil) } else { channel.close(mode: .output, promise: nil) }
        }
    }

    func detach() {
        let idle = exchange?.route.config.timeouts.idle
        exchange = nil
        switch phase {
        case .open:
            finish(nil)
            // The end may have gone out at once, and the connection with it.
            guard phase == .open else { return }
            phase = .lingering
            // A back-end that takes the last bytes slowly has as long for them as an idle session.
            arm(hasSentEnd ? connector.lingerTime : TimeAmount(idle ?? RouteTimeouts().idle ?? .seconds(300)))
            // What the back-end still sends is read and dropped, so that its end is seen.
            if isWaitingForTake { channel?.read() }
        case .dialling: cancel()
        case .lingering, .closed: break
        }
    }

    func cancel() {
        exchange = nil
        phase = .closed
        lingerTimer?.cancel()
        channel?.close(promise: nil)
        channel = nil
        dialling?.close(promise: nil)
        dialling = nil
    }

    func takeUnwritten() -> Unwritten { writer?.takeUnwritten() ?? Unwritten() }

    func taken() {
        guard isWaitingForTake else { return }
        isWaitingForTake = false
        if !isInRead { channel?.read() }
    }

    private func noteLingering() {
        if phase == .lingering { worker.departs() } else { worker.hasDeparted() }
    }

    private func arm(_ time: TimeAmount?) {
        lingerTimer?.cancel()
        lingerTimer = time.map { worker.timers.schedule(at: worker.eventLoop.now + $0, self) }
    }

    // MARK: Events of the connection

    private func connected(_ channel: any Channel, _ address: String) {
        guard phase == .dialling else {
            channel.close(promise: nil)
            return
        }
        self.channel = channel
        self.address = address
        dialling = nil
        phase = .open
        if let exchange, exchange.keepsUnwritten {
            writer = ExactWriter(
                channel, worker: worker, isClear: connector.dialer.isClear, isMidMessage: exchange.isMidMessage
            ) { [unowned self] in writerProgressed() }
        } else {
            socket = SocketWriter(channel, isClear: connector.dialer.isClear)
        }
        exchange?.backReady()
        exchange?.backOpened()
        channel.read()
    }

    /// A dial begins; there may be several, one after the other.
    fileprivate func dialStarted(_ channel: any Channel) {
        guard phase == .dialling else { return channel.close(promise: nil) }
        dialling = channel
    }

    private func writerProgressed() {
        guard let writer else { return }
        if hasEnded {
            if writer.isEmpty { sendEnd() }
        } else if writer.isWritable {
            exchange?.backWritable()
        }
    }

    fileprivate func received(_ bytes: ByteBuffer) {
        worker.refreshClock()
        isInRead = true
        guard let exchange, phase == .open else { return }
        isWaitingForTake = true
        exchange.backBody(bytes)
    }

    fileprivate func readCompleted() {
        isInRead = false
        if phase == .lingering { return channel?.read() ?? () }
        if phase == .open, !isWaitingForTake { channel?.read() }
    }

    fileprivate func peerEnded() {
        guard !hasPeerEnded else { return }
        worker.refreshClock()
        hasPeerEnded = true
        if phase == .lingering, hasSentEnd { return closeNow() }
        exchange?.backEnded()
        if phase == .lingering, hasSentEnd { closeNow() }
    }

    fileprivate func lost(_ error: (any Error)?) {
        worker.refreshClock()
        lingerTimer?.cancel()
        guard phase == .open, !hasPeerEnded || !hasEnded else { return closeNow() }
        let failure = Dialer.lost(error, address ?? "")
        connector.dialer.note(failure)
        end { exchange in
            // Where our side has ended already, its end closes the channel, and is told by nothing else.
            if error == nil, hasPeerEnded || hasSentEnd { exchange.backEnded() } else { exchange.backFailed(failure) }
        }
        channel?.close(promise: nil)
        channel = nil
    }

    fileprivate func writabilityChanged() {
        if writer == nil, channel?.isWritable == true { exchange?.backWritable() }
    }

    private func closeNow() {
        phase = .closed
        channel?.close(promise: nil)
        channel = nil
    }

    /// Tells the exchange the last thing.
    private func end(_ tell: (Exchange) -> Void) {
        phase = .closed
        guard let exchange else { return }
        self.exchange = nil
        tell(exchange)
    }

    private func markDirty() {
        guard !isDirty else { return }
        isDirty = true
        worker.flushAtTickEnd(self)
    }
}

extension TCPBackLeg: TickFlushable {
    func flushAtTickEnd() {
        isDirty = false
        guard let writer else {
            sendOutbound()
            return socket?.flush() ?? channel?.flush() ?? ()
        }
        let wasWritable = writer.isWritable
        writer.flush()
        if !wasWritable { writerProgressed() }
    }
}

extension TCPBackLeg: WheelTimerTarget {
    func timerFired(_ timer: WheelTimer) { closeNow() }
}

/// Hands the connection's events to its leg.
private final class TCPBackHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let leg: TCPBackLeg
    private var error: (any Error)?

    init(leg: TCPBackLeg) { self.leg = leg }

    func handlerAdded(context: ChannelHandlerContext) { leg.dialStarted(context.channel) }
    func channelRead(context: ChannelHandlerContext, data: NIOAny) { leg.received(unwrapInboundIn(data)) }
    func channelReadComplete(context: ChannelHandlerContext) { leg.readCompleted() }
    func channelWritabilityChanged(context: ChannelHandlerContext) { leg.writabilityChanged() }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { leg.peerEnded() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.error = error
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { leg.lost(error) }
}
