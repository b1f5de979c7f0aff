// rtbridge: a client's datagrams on a listener without HTTP.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeTelemetry
import BridgeWire
import NIOCore

/// One client, from its first datagram until nothing has passed for `udp.idle`: UDP has no other end, so that one is in
/// order. What comes while the back-end is not there waits in a queue of `udp.queueDatagrams`.
final class UDPSession {
    /// How long nothing must have passed until a session is over while the bridge shuts down.
    private static let drainSilence = TimeAmount.seconds(1)

    private enum Status: String { case ok, idle, failed }

    let peer: UDPPeer
    private let listener: UDPListener
    private let info: ConnectionInfo
    private let route: WorkerRoute
    private let startedAt: NIODeadline
    private var exchange: Exchange!
    private var queue: DatagramQueue
    private var isUntaken = false
    private var isPassing = false
    /// What is delivered goes out within this tick.
    private var isBackThere = false
    private var isOver = false
    private var lastPassed: NIODeadline
    private var drainTimer: WheelTimer?
    private var failure: Failure?

    /// - Parameter local: the listener's address, where the client's datagrams do not tell theirs.
    init(_ listener: UDPListener, _ peer: UDPPeer, _ route: WorkerRoute, local: SocketAddress?) {
        self.listener = listener
        self.peer = peer
        self.route = route
        let shared = listener.ingress.listener
        info = ConnectionInfo(
            listener: shared.name, isTLS: false, client: peer.name, source: peer.client,
            destination: peer.local ?? local, limits: shared.limits)
        let options = route.config.udp
        queue = DatagramQueue(
            limit: options.queueDatagrams, overflow: options.overflow, budget: listener.worker.held)
        startedAt = listener.worker.now
        lastPassed = listener.worker.now
    }

    private var worker: Worker { listener.worker }

    func start(_ first: ByteBuffer) {
        exchange = Exchange(
            front: self, request: FieldBlock(), client: info.client, connection: info, route: route, worker: worker)
        exchange.open(deadline: nil, idle: route.datagramIdle)
        received(first)
    }

    // MARK: From the client

    func received(_ datagram: ByteBuffer) {
        guard !isOver else { return }
        lastPassed = worker.now
        if !isUntaken, isBackThere { return pass(datagram) }
        // Datagrams that were read together share memory; who waits is not to keep that of all others.
        let own = ByteBuffer(bytes: datagram.readableBytesView)
        guard isUntaken else { return pass(own) }
        if queue.append(own) { exchange.noteDropped() }
    }

    private func pass(_ datagram: ByteBuffer) {
        isUntaken = true
        exchange.frontBody(datagram, .endsMessage)
    }

    func writable() { exchange.frontWritable() }

    // MARK: The end

    private func end(_ status: Status) {
        guard !isOver else { return }
        isOver = true
        drainTimer?.cancel()
        exchange.noteDropped(queue.count)
        queue.removeAll()
        listener.ended(self)
        exchange.frontClosed(failure)
        let timeout = status == .idle ? Failure.Timeout.udpIdle : failure?.timeout
        worker.note(
            AccessRecord(
                route: route.name, front: "udp", client: info.client, path: "-", status: status.rawValue,
                failure: failure?.kind.rawValue ?? "", timeout: timeout?.rawValue ?? "",
                back: exchange.backAddress ?? failure?.address ?? "", bytesIn: exchange.bytesIn,
                bytesOut: exchange.bytesOut, dropped: exchange.dropped, reconnects: exchange.reconnects,
                duration: .nanoseconds((worker.eventLoop.now - startedAt).nanoseconds)))
    }
}

extension UDPSession: FrontLeg {
    var isWritable: Bool { listener.isWritable }
    var endsInSilence: Bool { true }

    func backOpened(_ head: FieldBlock?) { isBackThere = true }
    func backReconnecting(attempt: Int, delay: Duration) { isBackThere = false }
    func backReconnected() { isBackThere = true }

    func deliver(_ bytes: ByteBuffer, _ flags: BodyFlags) {
        guard !isOver else { return }
        lastPassed = worker.now
        if listener.send(bytes, to: peer) { exchange.noteDropped() }
    }

    func finish(_ trailers: FieldBlock?) { end(.idle) }

    func fail(_ failure: Failure) {
        guard !isOver else { return }
        self.failure = failure
        listener.say(
            "session failed",
            [
                "route.name": "\(route.name)", "client.address": "\(info.client)",
                "reason": "\(failure.message(route: route.name, isBrief: false))",
            ])
        end(.failed)
    }

    func taken() {
        isUntaken = false
        // Said from within `pass`: the loop below goes on, where a call for each datagram would go deeper and deeper.
        guard !isPassing else { return }
        isPassing = true
        defer { isPassing = false }
        while !isUntaken, !isOver, let datagram = queue.popFirst() { pass(datagram) }
    }
}

extension UDPSession: DrainableConnection {
    /// Datagrams have no word for it: the session goes on until nothing is under way, as far as one can know.
    func drain() {
        exchange.stopWaiting()
        guard !isOver else { return }
        drainTimer = worker.timers.schedule(at: worker.now + Self.drainSilence, self)
    }

    func closeNow() { end(.ok) }
}

extension UDPSession: WheelTimerTarget {
    func timerFired(_ timer: WheelTimer) {
        guard worker.now - lastPassed < Self.drainSilence else { return end(.ok) }
        drainTimer = worker.timers.schedule(at: lastPassed + Self.drainSilence, self)
    }
}

@available(*, unavailable)
extension UDPSession: Sendable {}
