// rtbridge: WebSocket back-ends: a connection a session.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgePolicy
import BridgeWire
import NIOCore

/// Makes a ``WebSocketBackLeg`` for each session; its endpoint is chosen by the back-end's policy.
public final class WebSocketConnector: BackConnector {
    let dialer: Dialer
    let lingerTime: TimeAmount
    private let endpoints: SessionEndpoints
    /// One block of keys serves all sessions of the worker.
    var keys = WebSocketMaskKeys()

    /// - Parameter lingerTime: how long a back-end may take for its close frame and its end of the connection, after ours.
    /// - Parameter breaker: shared by all workers; nil is no limits.
    /// - Parameter tls: shared by all workers; nil: in clear text.
    public convenience init(
        backend: Backend, worker: Worker, breaker: CircuitBreaker? = nil, tls: BackTLS? = nil,
        lingerTime: TimeAmount = .seconds(5)
    ) {
        self.init(
            backend: backend, worker: worker, breaker: breaker, tls: tls, lingerTime: lingerTime, openChannel: nil)
    }

    package init(
        backend: Backend, worker: Worker, breaker: CircuitBreaker? = nil, tls: BackTLS? = nil, lingerTime: TimeAmount,
        openChannel: ChannelOpener?
    ) {
        self.lingerTime = lingerTime
        dialer = Dialer(
            backend: backend, worker: worker, tls: tls?.connections, notes: tls.map { _ in TLSNotes() },
            openChannel: openChannel)
        endpoints = SessionEndpoints(backend, worker, breaker, tls: tls?.checks)
    }

    /// Opens a WebSocket to an endpoint, or to one after the other until one answers the handshake, be it with a refusal.
    func connect(_ leg: WebSocketBackLeg, _ exchange: Exchange, done: @escaping SessionEndpoints.Done) {
        let dialer = dialer
        endpoints.connect(
            for: exchange,
            { endpoint, done in
                guard leg.isDialling else {
                    return done(.failure(Failure(.aborted, .front, .connect, "the client is gone")))
                }
                let opening = WebSocketOpening(leg, exchange, dialer, endpoint.text, done)
                leg.opening = opening
                dialer.connect(to: endpoint, for: exchange, nodelay: true, handler: opening) { opening.dialled($0) }
            }, done: done)
    }

    public func makeLeg() -> any BackLeg { WebSocketBackLeg(connector: self) }

    public func probe(_ done: @escaping (Failure?) -> Void) {
        if let failure = endpoints.healthFailure { return done(failure) }
        let dialer = dialer
        // Of several endpoints one after the other may be dialled: the last one counts.
        var last: TCPProbe?
        endpoints.connect(
            for: nil,
            { endpoint, connected in
                let probe = TCPProbe(dialer, done)
                last = probe
                dialer.connect(to: endpoint, nodelay: true, handler: probe, done: connected)
            },
            done: { result in
                switch result {
                case .success((let channel, let address)): last?.connected(channel, Dialer.text(address))
                case .failure(let failure): done(failure)
                }
            })
    }

    public func shutdown() { endpoints.shutdown() }
}
