// rtbridge: a socket that breaks while it is written to.
// SPDX-License-Identifier: Apache-2.0

import BridgeSockets
import NIOCore
import NIOPosix
import Testing

struct SocketWriterTests {
    private final class Reader: ChannelInboundHandler, @unchecked Sendable {
        // Safety: used on its channel's loop alone.
        typealias InboundIn = ByteBuffer
        var received = ByteBuffer()

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            received.writeImmutableBuffer(unwrapInboundIn(data))
        }
    }

    /// RFC 9293 §3.10.4: a close with bytes unread is a reset, which the writer meets first. What the peer had said is read
    /// all the same, though the handler did not want to read.
    @Test(arguments: [1, 3]) func whatAPeerSaidBeforeItBrokeIsRead(_ pieces: Int) async throws {
        let server = try BlockingServer()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.autoRead, value: false)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Reader()) }
            }
            .connect(host: "127.0.0.1", port: server.port).get()
        let connection = server.accept()
        let received = try await channel.eventLoop.submit {
            let writer = try #require(SocketWriter(channel))
            writer.send(ByteBuffer(string: "never read"))
            server.write(connection, "the answer")
            server.close(connection)
            let more = ByteBuffer(string: "more")
            if pieces == 1 { writer.send(more) } else { writer.send(more, more, more) }
            #expect(writer.hasFailed && channel.isActive)
            writer.flush()
            #expect(!channel.isActive)
            return try channel.pipeline.syncOperations.handler(type: Reader.self).received
        }.get()
        #expect(received == ByteBuffer(string: "the answer"))
    }
}
