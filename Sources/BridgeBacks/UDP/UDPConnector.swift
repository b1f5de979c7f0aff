// rtbridge: UDP back-ends: a connected socket a session.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import NIOCore
import NIOPosix

/// Makes a ``UDPBackLeg`` for each session; endpoints take turns.
public final class UDPConnector: BackConnector {
    let backend: Backend
    let worker: Worker
    let limiter: SessionLimiter
    private let openChannel: ChannelOpener?
    private var turn: EndpointTurn

    /// - Parameter limiter: shared by all workers of the route.
    public convenience init(backend: Backend, worker: Worker, limiter: SessionLimiter) {
        self.init(backend: backend, worker: worker, limiter: limiter, openChannel: nil)
    }

    package init(backend: Backend, worker: Worker, limiter: SessionLimiter, openChannel: ChannelOpener?) {
        self.openChannel = openChannel
        self.backend = backend
        self.worker = worker
        self.limiter = limiter
        turn = EndpointTurn(backend.endpoints, start: worker.index)
    }

    func takeEndpoint() -> Address { turn.take().first! }

    public func makeLeg() -> any BackLeg { UDPBackLeg(connector: self) }

    /// UDP tells nothing of whether somebody listens: that the name resolves and a route exists is all.
    public func probe(_ done: @escaping (Failure?) -> Void) {
        connect(to: turn.endpoints[0], maximumBytes: 1, handler: IgnoringDatagrams()) { result in
            switch result {
            case .success(let channel):
                channel.close(promise: nil)
                done(nil)
            case .failure(let failure): done(failure)
            }
        }
    }

    public func shutdown() {}

    func connect(
        to endpoint: Address, maximumBytes: Int, handler: some ChannelInboundHandler,
        done: @escaping (Result<any Channel, Failure>) -> Void
    ) {
        if let openChannel { return done(.success(openChannel(handler))) }
        let worker = worker
        resolve(endpoint).assumeIsolated().flatMap { address in
            Self.bootstrap(worker, maximumBytes, handler).connect(to: address)
        }.whenComplete { result in
            worker.refreshClock()
            done(result.mapError { Dialer.failure($0, Dialer.text(endpoint)) })
        }
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

extension UDPConnector {
    /// A bootstrap for datagrams would ask the resolver on the event loop, and all its sessions would wait.
    private func resolve(_ endpoint: Address) -> EventLoopFuture<SocketAddress> {
        switch endpoint {
        case .host(let host, let port):
            if let address = try? SocketAddress(ipAddress: host, port: port) {
                return worker.eventLoop.makeSucceededFuture(address)
            }
            return NIOThreadPool.singleton.runIfActive(eventLoop: worker.eventLoop) {
                try SocketAddress.makeAddressResolvingHost(host, port: port)
            }
        }
    }
}

private final class IgnoringDatagrams: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
