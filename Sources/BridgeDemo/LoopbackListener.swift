// rtbridge: a TCP listener on loopback whose connections all live on one event loop.
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix

/// Listens on 127.0.0.1.
///
/// The listener and its connections share one event loop, so what they share needs no lock.
struct LoopbackListener: Sendable {
    private let channel: any Channel
    private let connections: NIOLoopBound<ConnectionList>

    /// - Parameters:
    ///   - port: 0 lets the system choose.
    ///   - maximumConnections: further connections are closed as they come.
    ///   - prepare: adds a connection's handlers; runs on `loop`.
    static func open(
        on loop: any EventLoop, port: Int = 0, maximumConnections: Int,
        prepare: @escaping @Sendable (any Channel) throws -> Void
    ) async throws -> LoopbackListener {
        try await loop.flatSubmit {
            let connections = NIOLoopBound(ConnectionList(maximum: maximumConnections), eventLoop: loop)
            return ServerBootstrap(group: loop)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.allowRemoteHalfClosure, value: true)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        guard connections.value.add(channel) else { throw ChannelError.operationUnsupported }
                        try prepare(channel)
                    }
                }
                .bind(host: "127.0.0.1", port: port)
                .map { LoopbackListener(channel: $0, connections: connections) }
        }.get()
    }

    var address: SocketAddress {
        guard let address = channel.localAddress else { preconditionFailure("LoopbackListener: not bound") }
        return address
    }

    /// Closes the listener and every connection.
    func close() async {
        try? await channel.close()
        try? await channel.eventLoop.submit { connections.value.closeAll() }.get()
    }
}

/// The connections of a listener, counted.
final class ConnectionList {
    private let maximum: Int
    private var channels: [ObjectIdentifier: any Channel] = [:]

    init(maximum: Int) { self.maximum = maximum }

    /// - Returns: false if there are as many as there may be.
    func add(_ channel: any Channel) -> Bool {
        guard channels.count < maximum else { return false }
        let identifier = ObjectIdentifier(channel)
        channels[identifier] = channel
        channel.closeFuture.assumeIsolated().whenComplete { [weak self] _ in
            self?.channels[identifier] = nil
        }
        return true
    }

    func closeAll() {
        for channel in channels.values { channel.close(promise: nil) }
    }
}

@available(*, unavailable)
extension ConnectionList: Sendable {}
