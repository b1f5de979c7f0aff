// rtbridge: TCP back-ends: a connection a session.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgePolicy
import NIOCore

/// Makes a ``TCPBackLeg`` for each session; its endpoint is chosen by the back-end's policy.
public final class TCPConnector: BackConnector {
    let dialer: Dialer
    let lingerTime: TimeAmount
    private let endpoints: SessionEndpoints

    /// - Parameter lingerTime: how long a connection whose end was sent is kept for the back-end's own end. Closing at
    ///   once could turn into a reset that destroys what the back-end has not read yet (RFC 9293 §3.10.4).
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

    /// Connects to an endpoint, or to one after the other until one is reached.
    func connect(
        for exchange: Exchange?, nodelay: Bool, handler: @escaping () -> some ChannelInboundHandler,
        done: @escaping (Result<(any Channel, Address), Failure>) -> Void
    ) {
        let dialer = dialer
        endpoints.connect(
            for: exchange,
            { dialer.connect(to: $0, for: exchange, nodelay: nodelay, handler: handler(), done: $1) }, done: done)
    }

    public func makeLeg() -> any BackLeg { TCPBackLeg(connector: self) }

    public func probe(_ done: @escaping (Failure?) -> Void) {
        if let failure = endpoints.healthFailure { return done(failure) }
        // Of several endpoints one after the other may be dialled: the last one counts.
        var last: TCPProbe?
        connect(
            for: nil, nodelay: true,
            handler: { [dialer] in
                let probe = TCPProbe(dialer, done)
                last = probe
                return probe
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
