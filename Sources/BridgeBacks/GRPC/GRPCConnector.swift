// rtbridge: gRPC back-ends: HTTP/2 connections that calls share.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgePolicy
import HTTP2Session
import NIOCore

/// A worker's connections to the one endpoint of a gRPC back-end, and the calls that wait for one. Where a back-end has
/// several, each has such a connector, and a ``GRPCBalancer`` is above them.
///
/// A connection is dialled when a call needs it. After a failure the next attempt waits as the back-end's `backoff`
/// says (gRPC connection-backoff.md); a call that comes in the meantime waits for that attempt if it is no further
/// away than `timeouts.connect`, and is told the last failure otherwise.
public final class GRPCConnector: GRPCBackEnd {
    /// Connections to a back-end whose stream limit is reached by all that are open.
    static let maximumConnections = 16

    let dialer: Dialer
    /// The name that the endpoint's address stands for.
    private let host: String?
    /// Shared by the connections.
    let buffers: HTTP2Buffers
    /// Who has chosen this one among several; nil where there is one.
    private weak var balancer: GRPCBalancer?
    private let breaker: CircuitBreaker?
    private(set) var connections: [GRPCBackConnection] = []
    private var waiting = CircularBuffer<GRPCBackLeg>()
    private var isDialling = false
    private var isShutDown = false
    private var backoff: Backoff
    private var nextAttempt: NIODeadline?
    private var retryTimer: WheelTimer?
    private var lastFailure: Failure?
    /// The last attempt that failed.
    private(set) var lastDial: (began: NIODeadline, took: TimeAmount)?
    private var dialBegan: NIODeadline
    private var probes: [(Failure?) -> Void] = []
    var retryBudget = RetryBudget()

    /// - Parameter tls: shared by all workers; nil: in clear text.
    public convenience init(backend: Backend, worker: Worker, tls: BackTLS? = nil) {
        self.init(backend, worker, balancer: nil, buffers: HTTP2Buffers(), tls: tls?.connections)
    }

    package convenience init(backend: Backend, worker: Worker, openChannel: ChannelOpener?) {
        self.init(backend, worker, balancer: nil, buffers: HTTP2Buffers(), openChannel: openChannel)
    }

    init(
        _ backend: Backend, _ worker: Worker, balancer: GRPCBalancer?, buffers: HTTP2Buffers, tls: TLSClient? = nil,
        host: String? = nil, openChannel: ChannelOpener? = nil
    ) {
        self.host = host
        self.balancer = balancer
        breaker = balancer?.breaker
        self.buffers = buffers
        // gRFC A18: TCP_USER_TIMEOUT is "the value of the keepalive timeout", where keepalive is on.
        let userTimeout = backend.keepalive.interval.map { _ in backend.keepalive.timeout }
        dialer = Dialer(
            backend: backend, worker: worker, tls: tls, notes: tls.map { _ in TLSNotes() }, userTimeout: userTimeout,
            openChannel: openChannel)
        backoff = Backoff(backend.backoff)
        dialBegan = worker.now
    }

    var worker: Worker { dialer.worker }

    public func makeLeg() -> any BackLeg { GRPCBackLeg(connector: self) }

    func makeCall(isAttempt: Bool) -> GRPCBackLeg { GRPCBackLeg(connector: self, isAttempt: isAttempt) }

    public func probe(_ done: @escaping (Failure?) -> Void) {
        guard !connections.contains(where: \.isReady) else { return done(nil) }
        probes.append(done)
        if !isDialling {
            // A probe is not a call: it asks what is so now, and does not wait for the backoff.
            retryTimer?.cancel()
            retryTimer = nil
            dial()
        }
    }

    /// Takes no more calls, and dials no more. Calls that wait for a connection are told; those that have one go on.
    public func shutdown() {
        isShutDown = true
        retryTimer?.cancel()
        retryTimer = nil
        for connection in connections { connection.closeWhenIdle() }
        lastFailure = Failure(.connectFailed, .back, .connect, "the address is used no more", address: address)
        answerProbes(lastFailure)
        failWaiting()
    }

    // MARK: Calls

    /// Finds a connection for the call, or has it wait for one.
    func acquire(_ leg: GRPCBackLeg) {
        // The first has room nearly always.
        if let first = connections.first, first.hasRoom { return leg.start(on: first) }
        if let index = connections.firstIndex(where: { $0.hasRoom }) { return leg.start(on: connections[index]) }
        if isShutDown, let lastFailure { return leg.failedToConnect(lastFailure) }
        if let balancer, let full = balancer.willWait(leg) {
            return leg.refuse(Failure(.overloaded, .bridge, .connect, full, address: address))
        }
        waiting.append(leg)
        dialIfNeeded()
    }

    private var address: String? { dialer.backend.endpoints.first.map(Dialer.text) }

    /// Whether a call may start at once.
    var hasReady: Bool { connections.contains { $0.hasRoom } }

    /// Whether the last attempt failed and the next one is not due yet.
    var isInBackoff: Bool {
        connections.isEmpty && !isDialling && nextAttempt.map { $0 > worker.now } ?? false
    }

    /// Dials, though no call waits.
    func warmUp() {
        guard !isDialling, retryTimer == nil, connections.isEmpty, !isInBackoff else { return }
        dial()
    }

    func abandon(_ leg: GRPCBackLeg) {
        guard let index = waiting.firstIndex(where: { $0 === leg }) else { return }
        waiting.remove(at: index)
        balancer?.waitsNoMore(leg)
    }

    private func dialIfNeeded() {
        guard !isDialling, retryTimer == nil, !waiting.isEmpty, !isShutDown else { return }
        guard connections.count < Self.maximumConnections else { return }
        guard connections.isEmpty || breaker?.hasRoom(.connection) ?? true else { return }
        guard let nextAttempt, nextAttempt > worker.now else { return dial() }
        guard nextAttempt - worker.now <= TimeAmount(dialer.backend.connectTimeout) else { return failWaiting() }
        retryTimer = worker.timers.schedule(at: nextAttempt, self)
    }

    private func dial() {
        if let full = breaker?.enter(.connection) {
            return attemptFailed(Failure(.overloaded, .bridge, .connect, full, address: address))
        }
        isDialling = true
        let attemptStart = worker.now
        dialBegan = attemptStart
        let connection = GRPCBackConnection(connector: self)
        let endpoint = dialer.backend.endpoints[0]
        dialer.connect(to: endpoint, host: host, nodelay: true, handler: connection) { [self] result in
            switch result {
            case .success:
                // Ready once SETTINGS came: see connectionReady.
                connection.connected(Dialer.text(endpoint), since: attemptStart)
            case .failure(let failure):
                connectionClosed()
                attemptFailed(failure)
            }
        }
    }

    // MARK: Events of connections

    func connectionReady(_ connection: GRPCBackConnection) {
        isDialling = false
        guard !isShutDown else { return connection.closeWhenIdle() }
        backoff.reset()
        nextAttempt = nil
        lastFailure = nil
        connections.append(connection)
        answerProbes(nil)
        streamsFreed()
        balancer?.connectionReady()
    }

    /// A connection is no more, or never was.
    func connectionClosed() { breaker?.leave(.connection) }

    /// The connection's streams are fewer, or more are allowed.
    func streamsFreed() {
        while !waiting.isEmpty, let connection = connections.first(where: { $0.hasRoom }) {
            let leg = waiting.removeFirst()
            balancer?.waitsNoMore(leg)
            leg.start(on: connection)
        }
        dialIfNeeded()
    }

    /// A connection that was ready is no more, or takes no new streams.
    func connectionGone(_ connection: GRPCBackConnection) {
        connections.removeAll { $0 === connection }
        dialIfNeeded()
    }

    /// An attempt did not come as far as SETTINGS.
    func attemptFailed(_ failure: Failure) {
        isDialling = false
        lastFailure = failure
        lastDial = (dialBegan, worker.now - dialBegan)
        nextAttempt = worker.now + TimeAmount(backoff.next(using: &worker.random))
        worker.logger.debug(
            "back-end not reached", metadata: ["back.name": "\(dialer.backend.name)", "reason": "\(failure.reason)"])
        dialer.note(failure)
        answerProbes(failure)
        failWaiting()
    }

    private func failWaiting() {
        guard let lastFailure else { return }
        var legs = CircularBuffer<GRPCBackLeg>()
        swap(&legs, &waiting)
        for leg in legs { balancer?.waitsNoMore(leg) }
        for leg in legs { leg.failedToConnect(lastFailure) }
    }

    private func answerProbes(_ failure: Failure?) {
        let answered = probes
        probes = []
        for done in answered { done(failure) }
    }
}

extension GRPCConnector: WheelTimerTarget {
    public func timerFired(_ timer: WheelTimer) {
        retryTimer = nil
        guard !waiting.isEmpty, !isDialling else { return }
        dial()
    }
}
