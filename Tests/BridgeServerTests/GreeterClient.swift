// rtbridge: a gRPC client over HTTP2Session, for the tests of the demo's server.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import HTTP2Session
import NIOCore
import NIOPosix

@testable import BridgeDemo

/// One connection. Its calls run on the connection's event loop; tests see events through a stream.
final class GreeterClient: Sendable {
    private let channel: any Channel
    private let handler: NIOLoopBound<GreeterClientHandler>

    init(_ address: SocketAddress) async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        (channel, handler) = try await loop.flatSubmit {
            let handler = NIOLoopBound(GreeterClientHandler(), eventLoop: loop)
            return ClientBootstrap(group: loop)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(handler.value)
                    }
                }
                .connect(to: address).map { ($0, handler) }
        }.get()
    }

    func close() async throws { try await channel.close() }

    func open(_ path: String) async throws -> ClientCall {
        let (events, sink) = AsyncStream.makeStream(of: ClientCall.Event.self)
        let handler = handler
        let stream = try await channel.eventLoop.submit { try handler.value.open(path, sink) }.get()
        return ClientCall(channel: channel, stream: stream, handler: handler, events: events)
    }

    func call(_ path: String, names: [String]) async throws -> ClientCall.Outcome {
        let call = try await open(path)
        for name in names { call.send(name) }
        call.finish()
        return try await call.outcome()
    }
}

/// One call, seen from its caller.
final class ClientCall {
    enum Event: Sendable {
        case head(FieldBlock)
        case reply(String)
        case trailers(FieldBlock)
        case closed(HTTP2ErrorCode)
    }

    struct Outcome {
        var head: FieldBlock?
        var replies: [String] = []
        var trailers: FieldBlock?
        var closeCode: HTTP2ErrorCode?

        var status: String? { trailers?.string("grpc-status") ?? head?.string("grpc-status") }
    }

    private let channel: any Channel
    private let stream: NIOLoopBound<HTTP2Stream>
    private let handler: NIOLoopBound<GreeterClientHandler>
    private var events: AsyncStream<Event>.AsyncIterator
    private var seen = Outcome()

    fileprivate init(
        channel: any Channel, stream: NIOLoopBound<HTTP2Stream>, handler: NIOLoopBound<GreeterClientHandler>,
        events: AsyncStream<Event>
    ) {
        (self.channel, self.stream, self.handler) = (channel, stream, handler)
        self.events = events.makeAsyncIterator()
    }

    /// A HelloRequest has the shape of a HelloReply.
    func send(_ name: String) { onLoop { $0.write(HelloMessage.frame(name)) } }

    func send(raw bytes: [UInt8]) { onLoop { $0.write(ByteBuffer(bytes: bytes)) } }

    func finish() { onLoop { $0.finish(nil) } }

    func cancel() { onLoop { $0.reset(.cancel) } }

    /// The next reply; nil once the call is over.
    func nextReply() async throws -> String? {
        while let event = await events.next() {
            switch event {
            case .head(let fields): seen.head = fields
            case .trailers(let fields): seen.trailers = fields
            case .closed(let code): seen.closeCode = code
            case .reply(let text):
                seen.replies.append(text)
                return text
            }
        }
        return nil
    }

    /// Everything, once the call is over.
    func outcome() async throws -> Outcome {
        while try await nextReply() != nil {}
        return seen
    }

    private func onLoop(_ body: @escaping @Sendable (HTTP2Stream) -> Void) {
        let (stream, handler) = (stream, handler)
        channel.eventLoop.execute {
            body(stream.value)
            handler.value.send()
        }
    }
}

/// Drives the client's session.
final class GreeterClientHandler: ChannelInboundHandler, HTTP2SessionDelegate {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let session = HTTP2Session(role: .back)
    private var output = HTTP2Output()
    private var hasOutput = false
    /// A write may make the channel writable again while it is being made.
    private var isSending = false
    private var context: ChannelHandlerContext?

    func open(
        _ path: String, _ sink: AsyncStream<ClientCall.Event>.Continuation
    ) throws -> NIOLoopBound<HTTP2Stream> {
        let fields = FieldBlock([
            ":method": "POST", ":scheme": "http", ":path": path, ":authority": "localhost",
            "content-type": "application/grpc", "te": "trailers",
        ])
        guard let context, let stream = session.open(fields, endStream: false, delegate: ClientCallEvents(sink)) else {
            throw ChannelError.ioOnClosedChannel
        }
        (stream.delegate as? ClientCallEvents)?.stream = stream
        return NIOLoopBound(stream, eventLoop: context.eventLoop)
    }

    func send() {
        guard let context, !isSending else { return }
        isSending = true
        defer { isSending = false }
        repeat {
            hasOutput = false
            output.flush(session, context)
        } while hasOutput && context.channel.isWritable
    }

    init() { session.delegate = self }

    func http2HasOutput() { hasOutput = true }
    func http2Request(_ stream: HTTP2Stream, _ fields: FieldBlock, isTooLarge: Bool, endStream: Bool) {}
    func http2Settings() {}
    func http2Goaway(lastStreamID: Int32, errorCode: HTTP2ErrorCode) {}
    func http2PingAcknowledged() {}

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func channelWritabilityChanged(context: ChannelHandlerContext) { if context.channel.isWritable { send() } }

    func channelActive(context: ChannelHandlerContext) { send() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        do { try session.receive(unwrapInboundIn(data)) } catch { context.close(promise: nil) }
        send()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        session.connectionLost(.internalError)
    }
}

/// Turns a stream's events into values.
private final class ClientCallEvents: HTTP2StreamDelegate {
    weak var stream: HTTP2Stream?
    private let sink: AsyncStream<ClientCall.Event>.Continuation
    private var reader = MessageReader()

    init(_ sink: AsyncStream<ClientCall.Event>.Continuation) { self.sink = sink }

    func http2Fields(_ fields: FieldBlock, kind: HTTP2FieldsKind, isTooLarge: Bool) {
        sink.yield(kind == .trailers ? .trailers(fields) : .head(fields))
    }

    func http2Body(_ bytes: ByteBuffer) {
        reader.append(bytes)
        while let message = try? reader.next() {
            sink.yield(.reply(HelloMessage.decodeName(message) ?? "not a HelloReply"))
        }
        stream?.consume(bytes.readableBytes)
    }

    func http2Ended() {}
    func http2Writable() {}

    func http2Closed(_ errorCode: HTTP2ErrorCode, wasNotSent: Bool) {
        sink.yield(.closed(errorCode))
        sink.finish()
    }
}
