// rtbridge: the demo's telemetry on the network: commands in, samples out.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Answers commands, and sends a sample to every subscriber on each tick. It ticks as long as there are subscribers.
final class TelemetryHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    /// 20 samples a second.
    static let interval = TimeAmount.milliseconds(50)

    /// No command is longer; a longer datagram is none.
    private static let maximumCommand = 32

    private var subscribers = TelemetrySubscribers()
    private var signal = TelemetrySignal(seed: 0x5EED)
    private var started = NIODeadline.now()
    private var ticks: RepeatedTask?

    func channelActive(context: ChannelHandlerContext) {
        started = .now()
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let datagram = unwrapInboundIn(data)
        guard datagram.data.readableBytes <= Self.maximumCommand else { return }
        let peer = datagram.remoteAddress
        switch TelemetryCommand(datagram.data.readableBytesView) {
        case .subscribe:
            subscribers.subscribe(peer, now: .now())
            startTicking(context)
        case .stop:
            subscribers.stop(peer)
        case .ping:
            send(context.channel.allocator.buffer(string: "pong"), to: peer, context)
            context.flush()
        case nil:
            break  // not a command: UDP has nobody to complain to
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        ticks?.cancel()
        ticks = nil
        context.fireChannelInactive()
    }

    /// What goes wrong with one peer's datagram is no matter of the others.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}

    private func startTicking(_ context: ChannelHandlerContext) {
        guard ticks == nil else { return }
        let bound = NIOLoopBound((handler: self, context: context), eventLoop: context.eventLoop)
        ticks = context.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: Self.interval) { _ in
            bound.value.handler.tick(bound.value.context)
        }
    }

    private func tick(_ context: ChannelHandlerContext) {
        let now = NIODeadline.now()
        let sample = signal.next()
        let round = subscribers.nextRound(now: now)
        guard !round.isEmpty else {
            ticks?.cancel()
            ticks = nil
            return
        }
        // A datagram that has no room is lost, as UDP does it: its number stays used.
        for (peer, sequence) in round where context.channel.isWritable {
            var datagram = context.channel.allocator.buffer(capacity: 96)
            sample.write(to: &datagram, sequence: sequence, milliseconds: (now - started).nanoseconds / 1_000_000)
            send(datagram, to: peer, context)
        }
        context.flush()
    }

    private func send(_ bytes: ByteBuffer, to peer: SocketAddress, _ context: ChannelHandlerContext) {
        context.write(wrapOutboundOut(AddressedEnvelope(remoteAddress: peer, data: bytes)), promise: nil)
    }
}

@available(*, unavailable)
extension TelemetryHandler: Sendable {}

/// What a peer may ask for; white space around it is allowed.
enum TelemetryCommand: String {
    case subscribe, stop, ping

    init?(_ bytes: some Collection<UInt8>) {
        let text = String(decoding: bytes, as: UTF8.self)
        self.init(rawValue: text.split(whereSeparator: \.isWhitespace).joined(separator: " "))
    }
}
