// rtbridge: a client's connection in memory, with time that stands still.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgeWire
import NIOCore
import NIOEmbedded

@testable import BridgeServer

/// One connection to a listener: `/call…` takes gRPC-Web and gRPC, `/ws` takes WebSocket, `/site…` takes
/// plain HTTP, `/page` is the bridge's own.
final class FrontBench {
    let loop = EmbeddedEventLoop()
    let worker: Worker
    let ingress: Ingress
    let channel: EmbeddedChannel
    let back = ScriptedConnector()
    private let socket = ClientSocket()

    init(
        limits change: (inout ListenerLimits) -> Void = { _ in }, route changeRoute: (inout Route) -> Void = { _ in }
    ) throws {
        worker = Worker(eventLoop: loop, index: 0, logger: .init(label: "test"), accessLog: nil)
        var config = Listener(name: "public", address: .host("127.0.0.1", port: 0))
        change(&config.limits)
        let routes = [
            Self.route("calls", [.grpcWeb, .grpc], "/call", .grpc, back, changeRoute),
            Self.route("socket", [.websocket], "/ws", .tcp, back, changeRoute),
            Self.route("site", [.http], "/site", .http, back, changeRoute),
        ]
        var pages = LocalPages()
        pages.add("/page") { _ in
            LocalPage(fields: FieldBlock(["content-type": "text/plain"]), body: ByteBuffer(string: "a page"))
        }
        let listener = ListenerShared(config, tls: nil, isAdmin: false)
        ingress = Ingress(worker: worker, listener: listener, routes: routes, local: pages, healthRoute: nil)
        let info = ConnectionInfo(
            listener: "public", isTLS: false, client: "198.51.100.1", limits: config.limits)
        channel = EmbeddedChannel(loop: loop)
        try channel.pipeline.syncOperations.addHandlers([socket, ConnectionStarter(ingress: ingress, info: info)])
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    }

    private static func route(
        _ name: String, _ protocols: [FrontProtocolName], _ prefix: String, _ kind: BackendProtocol,
        _ connector: ScriptedConnector, _ change: (inout Route) -> Void
    ) -> WorkerRoute {
        var match = Match(protocols: protocols)
        match.pathPrefix = prefix
        let backend = Backend(name: name, protocol: kind, endpoints: [.host("192.0.2.1", port: 7)])
        var route = Route(name: name, match: match, backend: backend)
        route.websocket.pingInterval = nil
        change(&route)
        return WorkerRoute(config: route, connector: connector)
    }

    // MARK: The client

    func send(_ text: String) throws { try send(ByteBuffer(string: text)) }

    func send(_ bytes: ByteBuffer) throws {
        try channel.writeInbound(bytes)
        loop.run()
    }

    /// The client sends no more.
    func halfClose() {
        channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        loop.run()
    }

    /// The client's connection is lost.
    func disconnect() {
        channel.close(promise: nil)
        loop.run()
    }

    /// What the bridge has sent since the last time.
    func receive() throws -> ByteBuffer {
        loop.run()
        var all = ByteBuffer()
        while let piece = try channel.readOutbound(as: ByteBuffer.self) { all.writeImmutableBuffer(piece) }
        return all
    }

    func answers() throws -> [HTTP1Answer] { HTTP1Answer.parse(try receive()) }

    /// Whether the bridge wants more of the client's bytes: a read reaches the socket, or one that waited did.
    var isReading: Bool {
        let before = socket.reads
        channel.read()
        return socket.reads > before
    }

    /// A client that takes nothing from its socket, and then all of it.
    var isClientStalled: Bool {
        get { socket.holdsWrites }
        set {
            socket.holdsWrites = newValue
            guard !newValue, let context = try? channel.pipeline.syncOperations.context(handler: socket) else { return }
            socket.release(context)
            loop.run()
        }
    }

    var isOpen: Bool { channel.isActive }

    func pass(_ time: TimeAmount) {
        loop.advanceTime(by: time)
        worker.refreshClock()
        loop.run()
    }
}

/// Stands where the socket is: counts the reads that reach it, and may take nothing.
private final class ClientSocket: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private(set) var reads = 0
    private(set) var held: [(NIOAny, EventLoopPromise<Void>?)] = []
    var holdsWrites = false

    func read(context: ChannelHandlerContext) {
        reads += 1
        context.read()
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if holdsWrites { held.append((data, promise)) } else { context.write(data, promise: promise) }
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        release(nil)
        context.close(mode: mode, promise: promise)
    }

    /// - Parameter context: nil for a socket that is closed.
    func release(_ context: ChannelHandlerContext?) {
        let writes = held
        held = []
        for (data, promise) in writes {
            if let context {
                context.write(data, promise: promise)
            } else {
                promise?.fail(ChannelError.ioOnClosedChannel)
            }
        }
        context?.flush()
    }
}
