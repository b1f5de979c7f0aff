// rtbridge: tests on real sockets.
// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOPosix
import Testing

@testable import NIOOpenSSL

@Suite(.timeLimit(.minutes(2))) struct SocketTests {
    @Test func tenMebibytesAreEchoedAndBothDirectionsEndCleanly() async throws {
        let server = try await LiveServer.start(.plain) { EchoServer() }
        let client = try await LiveClient.connect(.trusting, port: server.port)
        var random = SplitMix(seed: 5)
        let text = ByteBuffer(bytes: random.bytes(10 * 1024 * 1024))
        try await client.channel.writeAndFlush(text)
        try await client.channel.close(mode: .output)
        let end = try await client.end.get()
        #expect(end.bytes == text)
        #expect(end.errors == [])
        try await client.channel.close()
        try await server.stop()
    }

    /// Writes more than any socket buffer holds and closes at once.
    private final class Shouter: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        static let text = ByteBuffer(repeating: 42, count: 24 * 1024 * 1024)

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            guard event is TLSHandshakeCompleted else { return }
            context.write(NIOAny(Self.text), promise: nil)
            context.close(promise: nil)
        }
    }

    @Test func aCloseLosesNothingThatWasWritten() async throws {
        let server = try await LiveServer.start(.plain) { Shouter() }
        let client = try await LiveClient.connect(.trusting, port: server.port)
        let end = try await client.end.get()
        #expect(end.bytes == Shouter.text)
        #expect(end.errors == [])
        try await client.channel.close()
        try await server.stop()
    }

    @Test func aTransportThatIsCutIsATruncationOnTheOtherSide() async throws {
        let server = try await LiveServer.start(.plain) { EchoServer() }
        let client = try await LiveClient.connect(.trusting, port: server.port)
        try await client.channel.writeAndFlush(ByteBuffer(string: "hello"))
        _ = await server.handshakes.next()
        try await client.cut()
        #expect(await server.errors.next()?.kind == .truncated)
        try await server.stop()
    }

    @Test func aConnectionCutBeforeTheHandshakeIsAFailedHandshake() async throws {
        let server = try await LiveServer.start(.plain) { EchoServer() }
        let raw = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: server.port).get()
        try await raw.close()
        #expect(await server.errors.next()?.kind == .handshakeFailed)
        try await server.stop()
    }

    @Test func aRefusedCertificateIsToldToBothSides() async throws {
        let server = try await LiveServer.start(.plain) { EchoServer() }
        let client = try await LiveClient.connect(TLSClientOptions(), port: server.port)
        let end = try await client.end.get()
        #expect(end.errors.map(\.kind) == [.certificateVerification])
        #expect(await server.errors.next()?.peerAlert == "unknown CA")
        try await server.stop()
    }

    @Test func plainHTTPIsToldOnASocket() async throws {
        let server = try await LiveServer.start(.plain) { EchoServer() }
        let raw = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: server.port).get()
        try await raw.writeAndFlush(ByteBuffer(string: "GET / HTTP/1.0\r\n\r\n"))
        #expect(await server.errors.next()?.reason.contains("http request") == true)
        try await raw.closeFuture.get()
        try await server.stop()
    }

    @Test func withoutAutomaticReadsEachReadAskedForIsAnswered() async throws {
        let server = try await LiveServer.start(.plain) { EchoServer() }
        let client = try await LiveClient.connect(.trusting, port: server.port) {
            $0.channelOption(.autoRead, value: false)
        }
        let text = ByteBuffer(repeating: 9, count: 200_000)
        try await client.channel.writeAndFlush(text)
        try await client.channel.close(mode: .output)
        // The owner asks again and again until all has come.
        let channel = client.channel
        let asking = channel.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(1)) { _ in
            channel.read()
        }
        let end = try await client.end.get()
        asking.cancel()
        #expect(end.bytes == text)
        #expect(end.errors == [])
        try await client.channel.close()
        try await server.stop()
    }
}
