// rtbridge: plain TCP connections and servers of the tests.
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix
import Synchronization

/// One TCP connection, as its other side sees it.
final class RawConnection: Sendable {
    struct Seen {
        var bytes = ByteBuffer()
        var hasEnded = false
        var isClosed = false
    }

    let channel: any Channel
    private let collector: Collector

    fileprivate init(_ channel: any Channel, _ collector: Collector) {
        self.channel = channel
        self.collector = collector
    }

    static func connect(to address: SocketAddress, autoRead: Bool = true) async throws -> RawConnection {
        let collector = Collector()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.autoRead, value: autoRead)
            .channelInitializer { $0.pipeline.addHandler(collector) }
            .connect(to: address).get()
        return RawConnection(channel, collector)
    }

    var seen: Seen { collector.seen.withLock { $0 } }

    func send(_ bytes: ByteBuffer) async throws { try await channel.writeAndFlush(bytes) }
    func send(_ text: String) async throws { try await send(ByteBuffer(string: text)) }
    func endOutput() async throws { try await channel.close(mode: .output) }
    func close() async { try? await channel.close() }
    func startReading() async throws { try await channel.setOption(.autoRead, value: true).get() }

    /// Ends with a reset instead of FIN (SO_LINGER of 0).
    func reset() async throws {
        let provider = channel as? any SocketOptionProvider
        try await provider?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        try? await channel.close()
    }

    /// Waits until what came is as `condition` says.
    @discardableResult
    func wait(_ what: String, _ condition: @escaping @Sendable (Seen) -> Bool) async throws -> Seen {
        try await eventually(what, on: channel.eventLoop) { [self] in
            let seen = seen
            return condition(seen) ? seen : nil
        }
    }

    func wait(for text: String) async throws {
        try await wait("\"\(text)\" of \"\(String(buffer: seen.bytes))\"") { $0.bytes == ByteBuffer(string: text) }
    }
}

/// Takes connections on a port of its own.
final class RawServer: Sendable {
    let address: SocketAddress
    private let channel: any Channel
    private let accepted: AcceptedConnections

    init(
        _ host: String = "127.0.0.1", port: Int = 0, backlog: Int32 = 128, accepts: Bool = true, reads: Bool = true
    ) async throws {
        let accepted = AcceptedConnections()
        self.accepted = accepted
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.autoRead, value: accepts)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.autoRead, value: reads)
            .childChannelInitializer { channel in
                let collector = Collector()
                accepted.list.withLock { $0.append(RawConnection(channel, collector)) }
                return channel.pipeline.addHandler(collector)
            }
            .bind(host: host, port: port).get()
        guard let bound = channel.localAddress else { throw ChannelError.unknownLocalAddress }
        address = bound
    }

    var port: Int { address.port ?? 0 }
    var connections: [RawConnection] { accepted.list.withLock { $0 } }

    /// The connection with this number, counted from 0 in the order of their coming.
    func connection(_ number: Int) async throws -> RawConnection {
        try await eventually("connection \(number)", on: channel.eventLoop) { [self] in
            connections.count > number ? connections[number] : nil
        }
    }

    func startAccepting() async throws { try await channel.setOption(.autoRead, value: true).get() }

    func close() async {
        try? await channel.close()
        for connection in connections { await connection.close() }
    }

    /// A port at which nobody listens.
    static func deadPort() async throws -> Int {
        let server = try await RawServer()
        await server.close()
        return server.port
    }
}

private final class AcceptedConnections: Sendable {
    let list = Mutex<[RawConnection]>([])
}

private final class Collector: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    let seen = Mutex(RawConnection.Seen())

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        seen.withLock { _ = $0.bytes.writeImmutableBuffer(bytes) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed = event { seen.withLock { $0.hasEnded = true } }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    func channelInactive(context: ChannelHandlerContext) { seen.withLock { $0.isClosed = true } }
}
