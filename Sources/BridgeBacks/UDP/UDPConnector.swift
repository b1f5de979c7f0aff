// rtbridge: UDP back-ends: a connected socket a session.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgePolicy
import NIOCore
import NIOPosix

/// Makes a ``UDPBackLeg`` for each session; its endpoint is chosen by the back-end's policy.
public final class UDPConnector: BackConnector {
    let backend: Backend
    let worker: Worker
    let limiter: SessionLimiter
    private let openChannel: ChannelOpener?
    private let endpoints: SessionEndpoints

    /// - Parameter limiter: shared by all workers of the route.
    /// - Parameter breaker: shared by all workers; nil is no limits.
    public convenience init(
        backend: Backend, worker: Worker, limiter: SessionLimiter, breaker: CircuitBreaker? = nil
    ) {
        self.init(backend: backend, worker: worker, limiter: limiter, breaker: breaker, openChannel: nil)
    }

    package init(
        backend: Backend, worker: Worker, limiter: SessionLimiter, breaker: CircuitBreaker? = nil,
        openChannel: ChannelOpener?
    ) {
        self.openChannel = openChannel
        self.backend = backend
        self.worker = worker
        self.limiter = limiter
        endpoints = SessionEndpoints(backend, worker, breaker)
    }

    public func makeLeg() -> any BackLeg { UDPBackLeg(connector: self) }

    public func refusal(client: String) -> String? { limiter.refusal(client) }

    /// UDP tells nothing of whether somebody listens: that the name resolves and a route exists is all.
    public func probe(_ done: @escaping (Failure?) -> Void) {
        if let failure = endpoints.healthFailure { return done(failure) }
        connect(for: nil, maximumBytes: 1, handler: IgnoringDatagrams.init) { result in
            switch result {
            case .success((let channel, _)):
                channel.close(promise: nil)
                done(nil)
            case .failure(let failure): done(failure)
            }
        }
    }

    public func shutdown() { endpoints.shutdown() }

    func connect(
        for exchange: Exchange?, maximumBytes: Int, handler: @escaping () -> some ChannelInboundHandler,
        done: @escaping (Result<(any Channel, Address), Failure>) -> Void
    ) {
        let worker = worker
        endpoints.connect(
            for: exchange,
            { [openChannel] endpoint, connected in
                if let openChannel { return connected(.success(openChannel(handler()))) }
                // Names are resolved by now, and off the event loop: a bootstrap for datagrams would ask the resolver on it.
                guard case .host(let host, let port) = endpoint.address,
                    let address = try? SocketAddress(ipAddress: host, port: port)
                else { preconditionFailure("UDPConnector: \(endpoint.text) is not resolved") }
                Self.bootstrap(worker, maximumBytes, handler()).connect(to: address).assumeIsolated().whenComplete {
                    worker.refreshClock()
                    connected($0.mapError { Dialer.failure($0, endpoint.text) })
                }
            }, done: done)
    }

    private static func bootstrap(
        _ worker: Worker, _ maximumBytes: Int, _ handler: some ChannelInboundHandler
    ) -> DatagramBootstrap {
        let bound = NIOLoopBound(handler, eventLoop: worker.eventLoop)
        return DatagramBootstrap(group: worker.eventLoop)
            .channelOption(.autoRead, value: false)
            // One byte more than allowed, so that a longer datagram shows.
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: maximumBytes + 1))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(bound.value) }
            }
    }
}

private final class IgnoringDatagrams: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
