// rtbridge: reaching a back-end's endpoint.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgeSockets
import NIOCore
import NIOPosix

/// Connects to endpoints of one back-end, on one worker.
struct Dialer {
    let backend: Backend
    let worker: Worker
    /// Stands in for sockets where it is set.
    var openChannel: ChannelOpener?

    /// The endpoint as people write it: `10.0.0.11:50051`, `[::1]:50051`.
    static func text(_ address: Address) -> String {
        switch address {
        case .host(let host, let port): return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        }
    }

    /// Opens a TCP connection. Every address of a name is tried (RFC 8305); one that does not answer is given up after
    /// the back-end's `timeouts.connect`. The channel reads nothing until it is asked to.
    ///
    /// - Parameter userTimeout: see ``TCPLiveness``.
    /// - Parameter handler: is in the pipeline from the beginning.
    /// - Parameter done: is told on the worker's event loop, once.
    func connect(
        to endpoint: Address, nodelay: Bool, userTimeout: Duration? = nil, handler: some ChannelInboundHandler,
        done: @escaping (Result<any Channel, Failure>) -> Void
    ) {
        if let openChannel { return done(.success(openChannel(handler))) }
        let bound = NIOLoopBound(handler, eventLoop: worker.eventLoop)
        let bootstrap = TCPLiveness.options(userTimeout: userTimeout).reduce(
            ClientBootstrap(group: worker.eventLoop)
        ) { $0.channelOption(ChannelOptions.Types.SocketOption(level: $1.level, name: $1.name), value: $1.value) }
        .connectTimeout(TimeAmount(backend.connectTimeout))
        .channelOption(.tcpOption(.tcp_nodelay), value: nodelay ? 1 : 0)
        .channelOption(.allowRemoteHalfClosure, value: true)
        .channelOption(.autoRead, value: false)
        .channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(bound.value) }
        }
        let connected: EventLoopFuture<any Channel>
        switch endpoint {
        case .host(let host, let port):
            if let address = try? SocketAddress(ipAddress: host, port: port) {
                connected = bootstrap.connect(to: address)
            } else {
                connected = bootstrap.connect(host: host, port: port)
            }
        }
        let worker = worker
        let text = Self.text(endpoint)
        let counters = worker.counters.backend(backend.name).endpoint(text)
        connected.assumeIsolated().whenComplete { result in
            worker.refreshClock()
            switch result {
            case .success(let channel):
                counters.connected()
                done(.success(channel))
            case .failure(let error):
                let failure = Self.failure(error, text)
                counters.failedToConnect(failure.kind.rawValue)
                done(.failure(failure))
            }
        }
    }

    /// What an error of connecting means.
    static func failure(_ error: any Error, _ address: String) -> Failure {
        switch error {
        case ChannelError.connectTimeout(let after):
            let reason = "no answer within \(Double(after.nanoseconds) / 1e9) s (timeouts.connect)"
            return Failure(.connectTimeout, .back, .connect, reason, address: address, timeout: .connect)
        case let error as NIOConnectionError:
            if let last = error.connectionErrors.last { return failure(last.error, address) }
            return Failure(.resolveFailed, .back, .resolve, "the name does not resolve", address: address)
        case let error as IOError:
            return Failure(.connectFailed, .back, .connect, Errno.text(error), address: address)
        case is SocketAddressError, is SocketAddressError.UnknownHost:
            return Failure(.resolveFailed, .back, .resolve, "the name does not resolve", address: address)
        default:
            return Failure(.connectFailed, .back, .connect, String(describing: error), address: address)
        }
    }

    /// What an error on an open connection means.
    static func lost(_ error: (any Error)?, _ address: String) -> Failure {
        let reason = (error as? IOError).map(Errno.text) ?? "the back-end closed the connection"
        return Failure(.connectionLost, .back, .body, reason, address: address)
    }
}
