// rtbridge: listeners on all workers.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgeSockets
import BridgeWire
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
    /// tcp or udp, where there is no HTTP.
    var withoutHTTP: FrontProtocolName?

    /// `https://127.0.0.1:8443`, `udp://127.0.0.1:53` or `unix:/run/rtbridge.sock`
    public var url: String {
        if let path = address.pathname { return "unix:\(path)" }
        let host = address.ipAddress ?? ""
        let scheme = withoutHTTP?.rawValue ?? "http"
        let secured = withoutHTTP == nil ? "https" : "tls"
        return "\(isTLS ? secured : scheme)://\(host.contains(":") ? "[\(host)]" : host):\(address.port ?? 0)"
    }
}

enum ListenerBinder {
    static let reusePort = NIOBSDSocket.Option(rawValue: SO_REUSEPORT)
    private static let backlog: Int32 = 4096

    /// Binds one socket a worker, all to one port (SO_REUSEPORT): the kernel spreads the connections.
    /// - Returns: the file to remove at the end as well, where there is one.
    static func bind(
        _ config: Listener, index: Int, _ workers: [NIOLoopBound<WorkerState>], _ group: any EventLoopGroup
    ) async throws -> (Listening, [any Channel], UnixListener?) {
        var channels: [any Channel] = []
        var unix: UnixListener?
        let address: SocketAddress
        do {
            switch config.address {
            case .host where config.withoutHTTP == .udp:
                address = try await DatagramBinder.bind(resolve(config), index: index, workers, &channels)
            case .host:
                address = try await bindPort(config, index: index, workers, &channels)
            case .unix(let path):
                let made = try UnixListener(path: path, mode: config.socketMode, backlog: backlog)
                unix = made
                address = try SocketAddress(unixDomainSocketPath: path)
                let bootstrap = bootstrap(index, workers, accepting: workers[0].eventLoop, serving: group)
                channels.append(try await bootstrap.withBoundSocket(made.descriptor).get())
            }
        } catch {
            for channel in channels { try? await channel.close() }
            unix?.remove()
            throw error as? BridgeStartError ?? BridgeStartError.bind(config, error)
        }
        let listening = Listening(
            name: config.name, isTLS: config.tls != nil, address: address, withoutHTTP: config.withoutHTTP)
        return (listening, channels, unix)
    }

    private static func bindPort(
        _ config: Listener, index: Int, _ workers: [NIOLoopBound<WorkerState>], _ channels: inout [any Channel]
    ) async throws -> SocketAddress {
        var address = try resolve(config)
        if workers.count > 1 { address = try PortClaim.check(address, SOCK_STREAM) }
        for worker in workers {
            var bootstrap = bootstrap(index, [worker], accepting: worker.eventLoop, serving: worker.eventLoop)
            for option in TCPLiveness.options() {
                let name = ChannelOptions.Types.SocketOption(level: option.level, name: option.name)
                bootstrap = bootstrap.serverChannelOption(name, value: option.value)
            }
            if workers.count > 1 {
                let option = ChannelOptions.Types.SocketOption(level: .socket, name: reusePort)
                bootstrap = bootstrap.serverChannelOption(option, value: 1)
            }
            let channel = try await bootstrap.bind(to: address).get()
            channels.append(channel)
            // With port 0 the first one chooses for all.
            if let bound = channel.localAddress { address = bound }
        }
        return address
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
        case .unix(let path): return try SocketAddress(unixDomainSocketPath: path)
        }
    }

    /// - Parameter workers: those whose event loops `serving` has.
    private static func bootstrap(
        _ index: Int, _ workers: [NIOLoopBound<WorkerState>], accepting: any EventLoop,
        serving: any EventLoopGroup
    ) -> ServerBootstrap {
        ServerBootstrap(group: accepting, childGroup: serving)
            .serverChannelOption(.backlog, value: backlog)
            .serverChannelOption(.maxMessagesPerRead, value: 16)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let worker = workers.first(where: { $0.eventLoop === channel.eventLoop }) else {
                        preconditionFailure("ListenerBinder: a connection on an event loop that is no worker's")
                    }
                    try accepted(channel, worker.value.ingresses[index])
                }
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
        let peer = channel.remoteAddress?.ipAddress ?? "unix"
        guard listener.proxyProtocol.accept else { return try begin(channel, ingress, peer, nil) }
        // Over a Unix socket the file's permissions say who may be there.
        let isTrusted = peer == "unix" || listener.proxyProtocol.trustedProxies.contains { $0.contains(peer) }
        let receiver = ProxyReceiver(ingress, peer: peer, isTrusted: isTrusted) { addresses in
            try begin(channel, ingress, addresses?.source.ipAddress ?? peer, addresses)
        }
        try channel.pipeline.syncOperations.addHandler(receiver)
    }

    /// - Parameter client: who is on the other side, as logs and limits call him.
    private static func begin(
        _ channel: any Channel, _ ingress: Ingress, _ client: String, _ addresses: ProxyHeader.Addresses?
    ) throws {
        let listener = ingress.listener
        let info = ConnectionInfo(
            listener: listener.name, isTLS: listener.tls != nil, client: client,
            source: addresses?.source ?? channel.remoteAddress,
            destination: addresses?.destination ?? channel.localAddress, limits: listener.limits)
        let pipeline = channel.pipeline.syncOperations
        if let tls = listener.tls { try pipeline.addHandler(TLSHandler(server: tls, buffers: ingress.tlsBuffers)) }
        try pipeline.addHandler(ingress.makeStarter(info))
    }
}
