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
    public convenience init(
        backend: Backend, worker: Worker, breaker: CircuitBreaker? = nil, lingerTime: TimeAmount = .seconds(5)
    ) {
        self.init(backend: backend, worker: worker, breaker: breaker, lingerTime: lingerTime, openChannel: nil)
    }

    package init(
        backend: Backend, worker: Worker, breaker: CircuitBreaker? = nil, lingerTime: TimeAmount,
        openChannel: ChannelOpener?
    ) {
        self.lingerTime = lingerTime
        dialer = Dialer(backend: backend, worker: worker, openChannel: openChannel)
        endpoints = SessionEndpoints(backend, worker, breaker)
    }

    /// Opens a WebSocket to an endpoint, or to one after the other until one answers the handshake, be it with a refusal.
    func connect(_ leg: WebSocketBackLeg, _ exchange: Exchange, done: @escaping SessionEndpoints.Done) {
        let dialer = dialer
        endpoints.connect(
            for: exchange,
            { address, done in
                guard leg.isDialling else {
                    return done(.failure(Failure(.aborted, .front, .connect, "the client is gone")))
                }
                let opening = WebSocketOpening(leg, exchange, dialer, address, done)
                leg.opening = opening
                dialer.connect(to: address, nodelay: true, handler: opening) { opening.dialled($0) }
            }, done: done)
    }

    public func makeLeg() -> any BackLeg { WebSocketBackLeg(connector: self) }

    public func probe(_ done: @escaping (Failure?) -> Void) {
        if let failure = endpoints.healthFailure { return done(failure) }
        let dialer = dialer
        endpoints.connect(
            for: nil, { dialer.connect(to: $0, nodelay: true, handler: IgnoringHandler(), done: $1) },
            done: { result in
                switch result {
                case .success((let channel, _)):
                    channel.close(promise: nil)
                    done(nil)
                case .failure(let failure): done(failure)
                }
            })
    }

    public func shutdown() { endpoints.shutdown() }
}
