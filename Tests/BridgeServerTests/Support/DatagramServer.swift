// rtbridge: a UDP server of the tests.
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix
import Synchronization

/// Takes datagrams, and answers whoever sent the last one.
final class DatagramServer: Sendable {
    private struct State {
        var seen: [String] = []
        var last: SocketAddress?
    }

    private final class Handler: ChannelInboundHandler, Sendable {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>
        let state = Mutex(State())

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let envelope = unwrapInboundIn(data)
            state.withLock {
                $0.seen.append(String(buffer: envelope.data))
                $0.last = envelope.remoteAddress
            }
        }
    }

    private let handler = Handler()
    private let channel: any Channel
    let port: Int

    init(port wanted: Int = 0) async throws {
        let handler = handler
        channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { $0.pipeline.addHandler(handler) }
            .bind(host: "127.0.0.1", port: wanted).get()
        port = channel.localAddress?.port ?? 0
    }

    var seen: [String] { handler.state.withLock { $0.seen } }

    func answer(_ text: String) async throws {
        guard let address = handler.state.withLock({ $0.last }) else { return }
        try await channel.writeAndFlush(AddressedEnvelope(remoteAddress: address, data: ByteBuffer(string: text)))
    }

    func close() async { try? await channel.close() }
}
