// rtbridge: gRPC back-ends: HTTP/2 connections that calls share.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgePolicy
import HTTP2Session
import NIOCore

/// A worker's connections to one gRPC back-end, and the calls that wait for one.
///
/// A connection is dialled when a call needs it. After a failure the next attempt waits as the back-end's `backoff`
/// says (gRPC connection-backoff.md); a call that comes in the meantime waits for that attempt if it is no further
/// away than `timeouts.connect`, and is told the last failure otherwise.
public final class GRPCConnector: BackConnector {
    /// Connections to a back-end whose stream limit is reached by all that are open.
    static let maximumConnections = 16

    let dialer: Dialer
    /// Shared by the connections.
    let buffers = HTTP2Buffers()
    private var turn: EndpointTurn
    private(set) var connections: [GRPCBackConnection] = []
    private var waiting = CircularBuffer<GRPCBackLeg>()
    private var isDialling = false
    private var backoff: Backoff
    private var nextAttempt: NIODeadline?
    private var retryTimer: WheelTimer?
    private var lastFailure: Failure?
    private var probes: [(Failure?) -> Void] = []

    public convenience init(backend: Backend, worker: Worker) {
        self.init(backend: backend, worker: worker, openChannel: nil)
    }

    package init(backend: Backend, worker: Worker, openChannel: ChannelOpener?) {
        dialer = Dialer(backend: backend, worker: worker, openChannel: openChannel)
        turn = EndpointTurn(backend.endpoints, start: worker.index)
        backoff = Backoff(backend.backoff)
    }

    var worker: Worker { dialer.worker }

    public func makeLeg() -> any BackLeg { GRPCBackLeg(connector: self) }

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

    public func shutdown() {
        retryTimer?.cancel()
        for connection in connections { connection.closeWhenIdle() }
    }

    // MARK: Calls

    /// Finds a connection for the call, or has it wait for one.
    func acquire(_ leg: GRPCBackLeg) {
        if let connection = connections.first(where: { $0.hasRoom }) {
            leg.start(on: connection)
            return
        }
        waiting.append(leg)
        dialIfNeeded()
    }

    func abandon(_ leg: GRPCBackLeg) {
        if let index = waiting.firstIndex(where: { $0 === leg }) { waiting.remove(at: index) }
    }

    private func dialIfNeeded() {
        guard !isDialling, retryTimer == nil, !waiting.isEmpty else { return }
        guard connections.count < Self.maximumConnections else { return }
        guard let nextAttempt, nextAttempt > worker.now else { return dial() }
        guard nextAttempt - worker.now <= TimeAmount(dialer.backend.connectTimeout) else { return failWaiting() }
        retryTimer = worker.timers.schedule(at: nextAttempt, self)
    }

    private func dial() {
        isDialling = true
        let attemptStart = worker.now
        let make = { [self] in GRPCBackConnection(connector: self) }
        var made: GRPCBackConnection?
        let endpoints = turn.take()
        dialer.connect(
            toOneOf: endpoints, nodelay: true,
            handler: { () -> GRPCBackConnection in
                let connection = make()
                made = connection
                return connection
            }
        ) { [self] result in
            switch result {
            case .success((_, let endpoint)):
                // Ready once SETTINGS came: see connectionReady.
                made?.connected(Dialer.text(endpoint), since: attemptStart)
            case .failure(let failure):
                attemptFailed(failure)
            }
        }
    }

    // MARK: Events of connections

    func connectionReady(_ connection: GRPCBackConnection) {
        isDialling = false
        backoff.reset()
        nextAttempt = nil
        lastFailure = nil
        connections.append(connection)
        answerProbes(nil)
        streamsFreed()
    }

    /// The connection's streams are fewer, or more are allowed.
    func streamsFreed() {
        while !waiting.isEmpty, let connection = connections.first(where: { $0.hasRoom }) {
            waiting.removeFirst().start(on: connection)
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
        nextAttempt = worker.now + TimeAmount(backoff.next(using: &worker.random))
        worker.logger.debug(
            "back-end not reached", metadata: ["back.name": "\(dialer.backend.name)", "reason": "\(failure.reason)"])
        answerProbes(failure)
        failWaiting()
    }

    private func failWaiting() {
        guard let lastFailure else { return }
        var legs = CircularBuffer<GRPCBackLeg>()
        swap(&legs, &waiting)
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
