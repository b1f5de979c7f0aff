// rtbridge: an HTTP/2 server whose answers a test writes.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import NIOCore
import NIOPosix
import Synchronization

@testable import HTTP2Session

/// Takes connections and hands each request to the script, on the connection's event loop.
final class HTTP2Server: Sendable {
    typealias Script = @Sendable (HTTP2ServerConnection, HTTP2ServerConnection.Request) -> Void

    let port: Int
    private let channel: any Channel
    private let state: ServerState

    init(
        port: Int = 0, options: HTTP2Options = HTTP2Options(), _ script: @escaping Script = { $1.echo() }
    ) async throws {
        let state = ServerState()
        self.state = state
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let connection = HTTP2ServerConnection(state, options, script)
                    try channel.pipeline.syncOperations.addHandler(connection)
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        self.port = channel.localAddress?.port ?? 0
    }

    /// Connections that came, whether they are open or not.
    var accepted: Int { state.counts.withLock { $0.accepted } }
    /// Requests that came.
    var requested: Int { state.counts.withLock { $0.requests } }
    var open: Int { state.counts.withLock { $0.open } }
    /// RST_STREAM frames that came, by their codes.
    var resets: [HTTP2ErrorCode] { state.counts.withLock { $0.resets } }

    /// Does something on every open connection.
    func onConnections(_ body: @escaping @Sendable (HTTP2ServerConnection) -> Void) async throws {
        for connection in state.counts.withLock({ $0.connections }) {
            try await connection.eventLoop.submit {
                body(connection.value)
                connection.value.flush()
            }.get()
        }
    }

    func close() async {
        try? await channel.close()
        try? await onConnections { $0.disconnect() }
    }
}

final class ServerState: Sendable {
    struct Counts {
        var accepted = 0
        var open = 0
        var requests = 0
        var resets: [HTTP2ErrorCode] = []
        var connections: [NIOLoopBound<HTTP2ServerConnection>] = []
    }

    let counts = Mutex(Counts())
}

/// One connection of an ``HTTP2Server``.
final class HTTP2ServerConnection: ChannelInboundHandler, HTTP2SessionDelegate {
    typealias InboundIn = ByteBuffer

    final class Request: HTTP2StreamDelegate {
        let stream: HTTP2Stream
        let fields: FieldBlock
        private(set) var body = ByteBuffer()
        private(set) var hasEnded = false
        fileprivate var onEnd: () -> Void = {}
        fileprivate unowned let connection: HTTP2ServerConnection

        fileprivate init(_ stream: HTTP2Stream, _ fields: FieldBlock, _ connection: HTTP2ServerConnection) {
            self.stream = stream
            self.fields = fields
            self.connection = connection
        }

        func http2Fields(_ fields: FieldBlock, kind: HTTP2FieldsKind, isTooLarge: Bool) {}

        func http2Body(_ bytes: ByteBuffer) {
            body.writeImmutableBuffer(bytes)
            stream.consume(bytes.readableBytes)
        }

        func http2Ended() {
            hasEnded = true
            onEnd()
        }

        func http2Writable() {}

        func http2Closed(_ errorCode: HTTP2ErrorCode, wasNotSent: Bool) {
            onEnd = {}
            connection.closed(self, errorCode)
        }

        /// Does something once all of the request came.
        func whenEnded(_ body: @escaping () -> Void) {
            if hasEnded { body() } else { onEnd = body }
        }

        /// Answers with what came, once all of it came.
        func echo() {
            guard hasEnded else { return onEnd = { [unowned self] in echo() } }
            stream.respond(FieldBlock([":status": "200", "content-type": "application/grpc"]), endStream: false)
            stream.write(body)
            stream.finish(FieldBlock(["grpc-status": "0"]))
        }
    }

    let session: HTTP2Session
    /// Requests that are not answered yet, in the order of their coming.
    private(set) var requests: [Request] = []
    private let state: ServerState
    private let script: HTTP2Server.Script
    private var output = HTTP2Output()
    private var context: ChannelHandlerContext?

    init(_ state: ServerState, _ options: HTTP2Options, _ script: @escaping HTTP2Server.Script) {
        self.state = state
        self.script = script
        session = HTTP2Session(role: .front, options: options)
        session.delegate = self
    }

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        state.counts.withLock {
            $0.accepted += 1
            $0.open += 1
            $0.connections.append(bound)
        }
        flush()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do { try session.receive(unwrapInboundIn(data)) } catch { context.close(promise: nil) }
        flush()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        session.connectionLost(.cancel)
        requests = []
        state.counts.withLock { counts in
            counts.open -= 1
            counts.connections.removeAll { $0.eventLoop.inEventLoop && $0.value === self }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func flush() {
        guard let context else { return }
        output.flush(session, context)
        if session.isOver { context.close(promise: nil) }
    }

    /// GOAWAY that leaves out streams above `last`, which stay unanswered. From within a request's event.
    func sendGoaway(last: Int32) {
        session.sayGoaway(.noError, last: last)
        session.goawaySent = true
    }

    /// From within a request's event.
    func disconnectSoon() {
        guard let context else { return }
        context.eventLoop.assumeIsolated().execute { [self] in disconnect() }
    }

    func disconnect() { context?.close(promise: nil) }

    fileprivate func closed(_ request: Request, _ code: HTTP2ErrorCode) {
        requests.removeAll { $0 === request }
        if code != .noError { state.counts.withLock { $0.resets.append(code) } }
    }

    func http2Request(_ stream: HTTP2Stream, _ fields: FieldBlock, isTooLarge: Bool, endStream: Bool) {
        let request = Request(stream, fields, self)
        stream.delegate = request
        requests.append(request)
        state.counts.withLock { $0.requests += 1 }
        if endStream { request.http2Ended() }
        script(self, request)
    }

    func http2Settings() {}
    func http2Goaway(lastStreamID: Int32, errorCode: HTTP2ErrorCode) {}
    func http2PingAcknowledged() {}
    func http2HasOutput() {}
}
