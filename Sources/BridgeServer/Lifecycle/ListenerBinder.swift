// rtbridge: listeners on all workers.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgeSockets
import Logging
import NIOCore
import NIOOpenSSL
import NIOPosix

#if canImport(Glibc)
    import Glibc
#endif

/// Where a listener can be reached.
public struct Listening: Sendable {
    public let name: String
    public let isTLS: Bool
    public let address: SocketAddress

    /// `https://127.0.0.1:8443`
    public var url: String {
        let host = address.ipAddress ?? ""
        return "\(isTLS ? "https" : "http")://\(host.contains(":") ? "[\(host)]" : host):\(address.port ?? 0)"
    }
}

enum ListenerBinder {
    private static let reusePort = NIOBSDSocket.Option(rawValue: SO_REUSEPORT)
    private static let backlog: Int32 = 4096

    /// Binds one socket a worker, all to one port (SO_REUSEPORT): the kernel spreads the connections.
    static func bind(
        _ config: Listener, index: Int, _ workers: [NIOLoopBound<WorkerState>]
    ) async throws -> (Listening, [any Channel]) {
        var channels: [any Channel] = []
        var address = try resolve(config)
        do {
            if workers.count > 1 { address = try PortClaim.check(address) }
            for worker in workers {
                let channel = try await bootstrap(index, worker, sharesPort: workers.count > 1).bind(to: address).get()
                channels.append(channel)
                // With port 0 the first one chooses for all.
                if let bound = channel.localAddress { address = bound }
            }
        } catch {
            for channel in channels { try? await channel.close() }
            throw BridgeStartError.bind(config, error)
        }
        return (Listening(name: config.name, isTLS: config.tls != nil, address: address), channels)
    }

    private static func resolve(_ config: Listener) throws -> SocketAddress {
        switch config.address {
        case .host(let host, let port):
            if let address = try? SocketAddress(ipAddress: host, port: port) { return address }
            do {
                return try SocketAddress.makeAddressResolvingHost(host, port: port)
            } catch {
                throw BridgeStartError.bind(config, error)
            }
        }
    }

    private static func bootstrap(
        _ index: Int, _ worker: NIOLoopBound<WorkerState>, sharesPort: Bool
    ) -> ServerBootstrap {
        TCPLiveness.options()
            .reduce(ServerBootstrap(group: worker.eventLoop)) {
                $0.serverChannelOption(
                    ChannelOptions.Types.SocketOption(level: $1.level, name: $1.name), value: $1.value)
            }
            .serverChannelOption(.backlog, value: backlog)
            .serverChannelOption(.maxMessagesPerRead, value: 16)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(
                ChannelOptions.Types.SocketOption(level: .socket, name: reusePort), value: sharesPort ? 1 : 0
            )
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try accepted(channel, worker.value.ingresses[index]) }
            }
    }

    private static func accepted(_ channel: any Channel, _ ingress: Ingress) throws {
        let listener = ingress.listener
        ingress.counters.accept()
        guard listener.enter() else {
            ingress.noteRefusedConnection()
            return channel.close(promise: nil)
        }
        channel.closeFuture.assumeIsolated().whenComplete { _ in listener.leave() }
        let info = ConnectionInfo(
            listener: listener.name, isTLS: listener.tls != nil, client: channel.remoteAddress?.ipAddress ?? "")
        let pipeline = channel.pipeline.syncOperations
        if let tls = listener.tls { try pipeline.addHandler(TLSHandler(server: tls)) }
        try pipeline.addHandler(ConnectionStarter(ingress: ingress, info: info))
    }
}
