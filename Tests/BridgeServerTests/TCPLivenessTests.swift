// rtbridge: the kernel is told to find out whether a peer is gone.
// SPDX-License-Identifier: Apache-2.0

import BridgeSockets
import Glibc
import NIOCore
import NIOPosix
import Testing

struct TCPLivenessTests {
    private static func values(_ channel: any Channel) async throws -> [Int] {
        var values: [Int] = []
        for option in TCPLiveness.options(userTimeout: .seconds(20)) {
            let name = ChannelOptions.Types.SocketOption(level: option.level, name: option.name)
            values.append(try await channel.getOption(name).get())
        }
        return values
    }

    /// tcp(7): SO_KEEPALIVE, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT, TCP_USER_TIMEOUT in milliseconds.
    @Test func socketsHaveTheOptionsAndAcceptedOnesThoseOfTheirListener() async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let accepted = group.next().makePromise(of: [Int].self)
        let server = try await TCPLiveness.options()
            .reduce(ServerBootstrap(group: group)) {
                $0.serverChannelOption(
                    ChannelOptions.Types.SocketOption(level: $1.level, name: $1.name), value: $1.value)
            }
            .childChannelInitializer { channel in
                accepted.completeWithTask { try await Self.values(channel) }
                return channel.eventLoop.makeSucceededVoidFuture()
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let client = try await TCPLiveness.options(userTimeout: .seconds(20))
            .reduce(ClientBootstrap(group: group)) {
                $0.channelOption(ChannelOptions.Types.SocketOption(level: $1.level, name: $1.name), value: $1.value)
            }
            .connect(to: try #require(server.localAddress)).get()
        #expect(try await Self.values(client) == [1, 60, 10, 6, 20_000])
        #expect(try await accepted.futureResult.get() == [1, 60, 10, 6, 0])
        try await client.close()
        try await server.close()
    }
}
