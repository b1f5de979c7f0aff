// rtbridge: the bridge with one client and one back-end, in memory.
// SPDX-License-Identifier: Apache-2.0

import BridgeBacks
import BridgeConfig
import BridgeCore
import BridgeServer
import NIOCore
import NIOEmbedded

/// One worker, one listener, one route; the client's connection is open, the back-end's is opened by the bridge.
/// Nothing moves but in ``fromFront(_:)`` and ``fromBack(_:)``, which are counted. Time stands still.
final class Bench {
    private let loop = EmbeddedEventLoop()
    private let ingress: Ingress
    private let front: EmbeddedChannel
    private let opened = Opened()

    private final class Opened {
        var channel: EmbeddedChannel?
    }

    init(
        _ protocols: [FrontProtocolName], _ kind: BackendProtocol, compression: WebSocketOptions.Compression = .off
    ) throws {
        let worker = Worker(eventLoop: loop, index: 0, logger: .init(label: "instructions"), accessLog: nil)
        let backend = Backend(name: "back", protocol: kind, endpoints: [.host("192.0.2.1", port: 7)])
        var match = Match(protocols: protocols)
        match.pathPrefix = "/"
        var route = Route(name: "route", match: match, backend: backend)
        route.websocket.pingInterval = nil
        route.websocket.compression = compression
        let connector = try Self.connector(backend, worker, Self.opener(loop, opened))
        ingress = Ingress(
            worker: worker,
            listener: ListenerShared(
                Listener(name: "public", address: .host("127.0.0.1", port: 0)), tls: nil, isAdmin: false),
            routes: [WorkerRoute(config: route, connector: connector)], local: nil, healthRoute: nil)
        front = EmbeddedChannel(loop: loop)
        let info = ConnectionInfo(listener: "public", isTLS: false, client: "198.51.100.1")
        try front.pipeline.syncOperations.addHandler(ingress.makeStarter(info))
        try front.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    }

    private static func connector(
        _ backend: Backend, _ worker: Worker, _ open: @escaping ChannelOpener
    ) throws -> any BackConnector {
        switch backend.protocol {
        case .grpc:
            return GRPCConnector(backend: backend, worker: worker, openChannel: open)
        case .tcp:
            return TCPConnector(backend: backend, worker: worker, lingerTime: .seconds(5), openChannel: open)
        case .udp:
            let limiter = SessionLimiter(maximum: 0, maximumPerClient: 0)
            return UDPConnector(backend: backend, worker: worker, limiter: limiter, openChannel: open)
        case .websocket:
            return WebSocketConnector(backend: backend, worker: worker, lingerTime: .seconds(5), openChannel: open)
        case .http:
            return HTTPConnector(backend: backend, worker: worker, openChannel: open)
        }
    }

    private static func opener(_ loop: EmbeddedEventLoop, _ opened: Opened) -> ChannelOpener {
        { handler in
            let channel = EmbeddedChannel(handler: handler, loop: loop)
            channel.connect(to: try! SocketAddress(ipAddress: "192.0.2.1", port: 7), promise: nil)
            opened.channel = channel
            return channel
        }
    }

    var hasBack: Bool { opened.channel != nil }

    /// What the client sends reaches the bridge.
    func fromFront(_ bytes: consuming ByteBuffer) throws { try deliver(bytes, to: front) }

    /// What the back-end sends reaches the bridge.
    func fromBack(_ bytes: consuming ByteBuffer) throws { try deliver(bytes, to: opened.channel) }

    func datagramFromBack(_ bytes: consuming ByteBuffer) throws {
        let from = try SocketAddress(ipAddress: "192.0.2.1", port: 7)
        try deliver(AddressedEnvelope(remoteAddress: from, data: bytes), to: opened.channel)
    }

    private func deliver<Bytes>(_ bytes: consuming Bytes, to channel: EmbeddedChannel?) throws {
        guard let channel else { throw NotAsExpected(description: "the bridge has not opened the connection") }
        var read: NIOAny? = NIOAny(bytes)
        try Meter.counted {
            // Nobody but the bridge holds what was read.
            channel.pipeline.syncOperations.fireChannelRead(read.take()!)
            channel.pipeline.syncOperations.fireChannelReadComplete()
            loop.run()
        }
        try channel.throwIfErrorCaught()
    }

    /// What the bridge has sent to the client since the last time.
    func toFront() throws -> ByteBuffer { try Self.take(front) }

    /// What the bridge has sent to the back-end since the last time.
    func toBack() throws -> ByteBuffer { try Self.take(opened.channel) }

    private static func take(_ channel: EmbeddedChannel?) throws -> ByteBuffer {
        var all = ByteBuffer()
        while let piece = try channel?.readOutbound(as: ByteBuffer.self) {
            if all.readableBytes == 0 { all = piece } else { all.writeImmutableBuffer(piece) }
        }
        return all
    }
}
