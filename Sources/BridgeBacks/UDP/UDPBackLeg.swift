// rtbridge: a session's UDP socket to its back-end.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgeWire
import Glibc
import NIOCore

/// Datagrams both ways, boundaries kept: one message is one datagram (RFC 768). Datagrams for a client that is slow
/// wait in a queue of `udp.queueDatagrams`; above that the oldest or the newest go, as the route says.
final class UDPBackLeg: BackLeg {
    private let connector: UDPConnector
    private var exchange: Exchange?
    private(set) var channel: (any Channel)?
    private var queue = CircularBuffer<ByteBuffer>()
    private var options = UDPOptions()
    private var isWaitingForTake = false
    private var isPassing = false
    private var isDirty = false
    private var isClosed = false
    private var client: String?
    /// Datagrams on their way to the socket, where what was not sent is asked for; see ``sendExactly()``.
    private var unsent = CircularBuffer<(bytes: ByteBuffer, flags: BodyFlags)>()
    private var isExact = false
    /// Datagrams that were dropped because the client was slow.
    private(set) var dropped = 0
    private(set) var address: String?

    /// Up to this many bytes a datagram waits in memory of its own.
    private static let maximumCopied = 4 * 1024

    init(connector: UDPConnector) { self.connector = connector }

    private var worker: Worker { connector.worker }
    /// A socket that is full drops, as UDP does: it never stops the client.
    var isWritable: Bool { channel != nil }
    var staysOpenAfterEnd: Bool { false }

    // MARK: Commands of the exchange

    func open(_ exchange: Exchange) {
        self.exchange = exchange
        options = exchange.route.config.udp
        isExact = exchange.keepsUnwritten
        if let full = connector.limiter.enter(exchange.client) {
            end { $0.backFailed(Failure(.overloaded, .bridge, .connect, full)) }
            return
        }
        client = exchange.client
        let make = { UDPBackHandler(leg: self) }
        connector.connect(for: exchange, maximumBytes: options.maxDatagramBytes, handler: make) { [self] result in
            switch result {
            case .success((let channel, let endpoint)):
                address = Dialer.text(endpoint)
                connected(channel)
            case .failure(let failure):
                address = failure.address
                end { $0.backFailed(failure) }
            }
        }
    }

    func deliver(_ bytes: ByteBuffer, _ flags: BodyFlags) {
        guard let channel, !isClosed else { return }
        if isExact {
            unsent.append((bytes, flags))
        } else {
            // What is written within a tick may be more than the channel holds, and the socket has room all the same.
            if !channel.isWritable { channel.flush() }
            guard channel.isWritable else { return dropped += 1 }
            channel.write(bytes, promise: nil)
        }
        guard !isDirty else { return }
        isDirty = true
        worker.flushAtTickEnd(self)
    }

    func finish(_ trailers: FieldBlock?) {}

    func detach() {
        if isDirty { flushAtTickEnd() }
        cancel()
    }

    func cancel() {
        exchange = nil
        close()
    }

    func takeUnwritten() -> Unwritten {
        var unwritten = Unwritten()
        unwritten.pieces = unsent.filter { !$0.flags.contains(.ofBridge) }
        unsent.removeAll()
        return unwritten
    }

    func taken() {
        isWaitingForTake = false
        // Said from within `pass`: the loop below goes on, where a call for each datagram would go deeper and deeper.
        guard !isPassing else { return }
        isPassing = true
        defer { isPassing = false }
        while !isWaitingForTake, let datagram = queue.popFirst() { pass(datagram) }
    }

    // MARK: Events of the socket

    private func connected(_ channel: any Channel) {
        guard !isClosed else {
            channel.close(promise: nil)
            return
        }
        self.channel = channel
        exchange?.backReady()
        exchange?.backOpened()
        channel.read()
    }

    func received(_ datagram: ByteBuffer) {
        worker.refreshClock()
        guard datagram.readableBytes <= options.maxDatagramBytes else {
            let limit = "a datagram is longer than \(options.maxDatagramBytes) bytes (udp.maxDatagramBytes)"
            return end { $0.backFailed(Failure(.messageTooBig, .back, .body, limit, address: address)) }
        }
        guard isWaitingForTake else { return pass(datagram) }
        // It lies in memory for the longest one, which would wait with it.
        let datagram = datagram.readableBytes <= Self.maximumCopied ? ByteBuffer(buffer: datagram) : datagram
        if queue.count < options.queueDatagrams {
            queue.append(datagram)
        } else {
            dropped += 1
            switch options.overflow {
            case .dropNewest: break
            case .dropOldest where queue.isEmpty: break
            case .dropOldest:
                queue.removeFirst()
                queue.append(datagram)
            }
        }
    }

    fileprivate func readCompleted() { channel?.read() }

    /// An ICMP error that the socket was told of, such as "port unreachable" (RFC 1122 §4.1.3.3).
    fileprivate func failed(_ error: any Error) {
        worker.refreshClock()
        let reason = (error as? IOError).map(Errno.text) ?? String(describing: error)
        end { $0.backFailed(Failure(.refused, .back, .body, reason, address: address)) }
    }

    /// The socket closed by itself, as it does where a datagram cannot be sent. An error that was read came before.
    fileprivate func lost() {
        worker.refreshClock()
        let reason = "a datagram could not be sent: nobody listens there, or there is no way"
        end { $0.backFailed(Failure(.refused, .back, .body, reason, address: address)) }
    }

    private func pass(_ datagram: ByteBuffer) {
        isWaitingForTake = true
        exchange?.backBody(datagram, .endsMessage)
    }

    private func end(_ tell: (Exchange) -> Void) {
        let exchange = exchange
        self.exchange = nil
        // What came before the end is the client's, be it slow.
        let waiting = queue
        queue.removeAll()
        for datagram in waiting { exchange?.backBody(datagram, .endsMessage) }
        close()
        exchange.map(tell)
    }

    private func close() {
        guard !isClosed else { return }
        isClosed = true
        if let client { connector.limiter.leave(client) }
        // A client that stays would have got them.
        if isExact { dropped += queue.count }
        queue.removeAll()
        channel?.close(promise: nil)
        channel = nil
    }
}

extension UDPBackLeg: TickFlushable {
    func flushAtTickEnd() {
        isDirty = false
        if isExact { sendExactly() }
        channel?.flush()
    }

    /// Sends what waits by the socket itself. An error there tells of an earlier datagram (RFC 1122 §4.1.3.3), and
    /// leaves the one at hand unsent: it goes to the next socket.
    private func sendExactly() {
        guard let channel else { return }
        while let (bytes, _) = unsent.first {
            switch SystemSocket.send(bytes, on: channel) {
            case .sent: break
            // Full: the channel sends it when there is room, or UDP loses it.
            case .failed(EAGAIN), .failed(ENOBUFS):
                if channel.isWritable { channel.write(bytes, promise: nil) } else { dropped += 1 }
            // No socket would take it.
            case .failed(EMSGSIZE): dropped += 1
            case .failed(let code): return failed(IOError(errnoCode: code, reason: "send"))
            }
            unsent.removeFirst()
        }
    }
}

/// Hands the socket's events to its leg.
private final class UDPBackHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let leg: UDPBackLeg

    init(leg: UDPBackLeg) { self.leg = leg }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { leg.received(unwrapInboundIn(data).data) }
    func channelReadComplete(context: ChannelHandlerContext) { leg.readCompleted() }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { leg.failed(error) }
    func channelInactive(context: ChannelHandlerContext) { leg.lost() }
}
