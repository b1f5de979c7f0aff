// rtbridge: one worker's socket of a listener for datagrams.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgePolicy
import BridgeSockets
import BridgeTelemetry
import Logging
import NIOCore

/// Shares datagrams out among sessions, and makes them: the first from an address and port begins one.
///
/// With several workers each has a socket on the port (SO_REUSEPORT); the kernel chooses it by addresses and ports, so a
/// client stays with the worker that has its session. Nothing is ever sent but to an address that a datagram came from,
/// and no more than the back-end says.
final class UDPListener: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    /// Why a datagram goes no further; the words of the counter.
    enum Drop: String {
        case tooLong = "too_long"
        case noRoute = "no_route"
        case refused, draining
        case unsendable
    }

    /// Datagrams that wait for room in the socket: above this back-ends are not listened to, and above twice that
    /// datagrams are lost.
    private static let maximumWaiting = 64
    /// NIO says nothing of room in a socket that it does not write to itself.
    private static let retryTime = TimeAmount.milliseconds(1)

    let ingress: Ingress
    private let route: WorkerRoute?
    private var sessions: [UDPPeer: UDPSession] = [:]
    private var channel: (any Channel)?
    private var sender: DatagramSender?
    private var waiting = CircularBuffer<(bytes: ByteBuffer, peer: UDPPeer)>()
    private var isDirty = false
    private var isRetrying = false
    private var pace = LogPace()

    init(_ ingress: Ingress) {
        self.ingress = ingress
        route = ingress.udpRoute
    }

    var worker: Worker { ingress.worker }
    private var maximumBytes: Int { route?.config.udp.maxDatagramBytes ?? UDPOptions().maxDatagramBytes }

    // MARK: Lifecycle

    func handlerAdded(context: ChannelHandlerContext) {
        channel = context.channel
        sender = DatagramSender(context.channel)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        channel = nil
        sender = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        say("datagram socket failed", ["reason": "\(error)"])
    }

    // MARK: Inbound

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        worker.refreshClock()
        let envelope = unwrapInboundIn(data)
        let peer = UDPPeer(envelope)
        // It was read with room for one byte more, so none is cut without a word.
        guard envelope.data.readableBytes <= maximumBytes else {
            return drop(.tooLong, peer, "it is longer than \(maximumBytes) bytes (udp.maxDatagramBytes)")
        }
        if let session = sessions[peer] { return session.received(envelope.data) }
        begin(peer, envelope.data)
    }

    private func begin(_ peer: UDPPeer, _ datagram: ByteBuffer) {
        guard let route else { return drop(.noRoute, peer, "no route takes it") }
        guard !worker.isDraining else { return drop(.draining, peer, "rtbridge is shutting down") }
        guard !worker.held.isUsedUp else { return drop(.refused, peer, "too much is kept for clients already") }
        guard ingress.listener.enter() else {
            let limit = ingress.listener.limits.maxConnections
            return drop(.refused, peer, "\(limit) sessions are open (limits.maxConnections)")
        }
        if let full = route.connector.refusal(client: peer.name) {
            ingress.listener.leave()
            return drop(.refused, peer, full)
        }
        ingress.counters.accept()
        let session = UDPSession(self, peer, route, local: channel?.localAddress)
        sessions[peer] = session
        ingress.opened(session)
        session.start(datagram)
    }

    func ended(_ session: UDPSession) {
        sessions[session.peer] = nil
        ingress.closed(session)
        ingress.listener.leave()
    }

    // MARK: Outbound

    /// Whether back-ends may say more.
    var isWritable: Bool { waiting.count < Self.maximumWaiting }

    /// - Returns: whether the datagram is lost for want of room.
    func send(_ bytes: ByteBuffer, to peer: UDPPeer) -> Bool {
        guard waiting.count < 2 * Self.maximumWaiting else { return true }
        waiting.append((bytes, peer))
        // Unwritable is only what the socket has no room for, so that somebody will say when it has.
        if !isWritable { flush() }
        guard !isDirty else { return false }
        isDirty = true
        worker.flushAtTickEnd(self)
        return false
    }

    private func flush() {
        while let (bytes, peer) = waiting.first {
            switch sender?.send(bytes, to: peer.client, from: peer.local) ?? .failed(0) {
            case .sent: break
            case .full: return retryLater()
            case .failed(let code):
                drop(.unsendable, peer, "it cannot be sent: \(IOError(errnoCode: code, reason: "sendmsg"))")
            }
            waiting.removeFirst()
        }
    }

    private func retryLater() {
        guard !isRetrying else { return }
        isRetrying = true
        worker.eventLoop.assumeIsolated().scheduleTask(in: Self.retryTime) { [self] in
            isRetrying = false
            worker.refreshClock()
            flush()
            guard waiting.isEmpty else { return }
            for session in sessions.values { session.writable() }
        }
    }

    // MARK: What is lost

    private func drop(_ drop: Drop, _ peer: UDPPeer, _ reason: String) {
        ingress.counters.dropDatagram(drop.rawValue)
        say("datagram dropped", ["client.address": "\(peer.name)", "reason": "\(reason)"])
    }

    /// Says it at once, and then at most once a second: everybody may send datagrams, as many as he likes, in anybody's
    /// name.
    func say(_ message: Logger.Message, _ metadata: Logger.Metadata) {
        guard let count = pace.tell(now: .nanoseconds(Int64(worker.now.uptimeNanoseconds))) else { return }
        var metadata = metadata
        metadata["listener.name"] = "\(ingress.listener.name)"
        if count > 1 { metadata["count"] = "\(count)" }
        worker.logger.info(message, metadata: metadata)
    }
}

extension UDPListener: TickFlushable {
    func flushAtTickEnd() {
        isDirty = false
        flush()
    }
}

@available(*, unavailable)
extension UDPListener: Sendable {}
