// rtbridge: a TLS server on a real socket.
// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOPosix

@testable import NIOOpenSSL

/// Listens on a free loopback port; each connection gets TLS and the handler that `owner` makes.
struct LiveServer {
    let channel: any Channel
    /// What each handshake agreed on, and each error, in order.
    let handshakes: AsyncStream<TLSHandshakeCompleted>
    let errors: AsyncStream<TLSError>

    var port: Int { channel.localAddress?.port ?? 0 }

    static func start(
        _ options: TLSServerOptions, to12: Bool = false,
        owner: @escaping @Sendable () -> any ChannelInboundHandler
    ) async throws -> LiveServer {
        let context = try TLSContext.server(options)
        if to12 { context.limitToTLS12() }
        let (handshakes, handshakeSource) = AsyncStream.makeStream(of: TLSHandshakeCompleted.self)
        let (errors, errorSource) = AsyncStream.makeStream(of: TLSError.self)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([
                        TLSHandler(server: context), Reporter(handshakeSource, errorSource), owner(),
                    ])
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return LiveServer(channel: channel, handshakes: handshakes, errors: errors)
    }

    func stop() async throws { try await channel.close() }

    private final class Reporter: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias InboundOut = ByteBuffer

        private let handshakes: AsyncStream<TLSHandshakeCompleted>.Continuation
        private let errors: AsyncStream<TLSError>.Continuation

        init(
            _ handshakes: AsyncStream<TLSHandshakeCompleted>.Continuation, _ errors: AsyncStream<TLSError>.Continuation
        ) {
            self.handshakes = handshakes
            self.errors = errors
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if let event = event as? TLSHandshakeCompleted { handshakes.yield(event) }
            context.fireUserInboundEventTriggered(event)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            if let error = error as? TLSError { errors.yield(error) }
        }
    }
}

/// Answers the first line and closes.
final class LineServer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var line = ByteBuffer()

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        line.writeImmutableBuffer(unwrapInboundIn(data))
        guard line.readableBytesView.last == UInt8(ascii: "\n") else { return }
        context.write(wrapOutboundOut(ByteBuffer(string: "you said: ")), promise: nil)
        context.write(wrapOutboundOut(line), promise: nil)
        context.close(promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed { context.close(promise: nil) }
    }
}

/// Sends everything back; its end follows the peer's.
final class EchoServer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.write(data, promise: nil) }
    func channelReadComplete(context: ChannelHandlerContext) { context.flush() }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed { context.close(promise: nil) }
    }
}

/// A client on a real socket, whose owner keeps what comes until the input is closed.
struct LiveClient {
    struct End: Sendable {
        var bytes: ByteBuffer
        var errors: [TLSError]
    }

    let channel: any Channel
    /// What came, at the input's end.
    let end: EventLoopFuture<End>

    static func connect(
        _ options: TLSClientOptions, port: Int, configure: @Sendable (ClientBootstrap) -> ClientBootstrap = { $0 }
    ) async throws -> LiveClient {
        let context = try TLSContext.client(options)
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let end = loop.makePromise(of: End.self)
        let bootstrap = ClientBootstrap(group: loop)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([
                        TLSHandler(client: context, serverName: "localhost"), Keeper(end),
                    ])
                }
            }
        let channel: any Channel
        do { channel = try await configure(bootstrap).connect(host: "127.0.0.1", port: port).get() } catch {
            end.fail(error)
            throw error
        }
        return LiveClient(channel: channel, end: end.futureResult)
    }

    /// Ends the transport without a word.
    func cut() async throws {
        let channel = channel
        try await channel.eventLoop.submit {
            try channel.pipeline.syncOperations.context(handlerType: TLSHandler.self).close(promise: nil)
        }.get()
    }

    private final class Keeper: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private var bytes = ByteBuffer()
        private var errors: [TLSError] = []
        private var end: EventLoopPromise<End>?

        init(_ end: EventLoopPromise<End>) { self.end = end }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            bytes.writeImmutableBuffer(unwrapInboundIn(data))
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if let event = event as? ChannelEvent, event == .inputClosed { finish() }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            if let error = error as? TLSError { errors.append(error) }
        }

        func channelInactive(context: ChannelHandlerContext) { finish() }

        private func finish() {
            end?.succeed(End(bytes: bytes, errors: errors))
            end = nil
        }
    }
}

extension AsyncStream where Element: Sendable {
    /// The next element; nil at the stream's end.
    func next() async -> Element? {
        for await element in self { return element }
        return nil
    }
}
