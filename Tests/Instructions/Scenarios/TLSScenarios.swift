// rtbridge: TLS records, read and written.
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOEmbedded
import NIOOpenSSL

/// The listener's end reads a record and writes one of the same length. The client's end is not counted, nor is the
/// handshake.
enum TLSScenarios {
    static let all = [1024, 16 * 1024].map { echo($0) }

    private static func echo(_ count: Int) -> Scenario {
        Scenario(name: "tls-\(count)", iterations: 200) {
            let credentials = try TLSCredentials.selfSigned(names: ["localhost"], validDays: 2)
            var options = TLSClientOptions()
            options.trust = .pem(credentials.certificatePEM)
            let server = EmbeddedChannel(
                handler: TLSHandler(server: try .server(TLSServerOptions(credentials: [credentials]))))
            let client = EmbeddedChannel(handler: TLSHandler(client: try .client(options), serverName: "localhost"))
            for end in [server, client] {
                try end.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
            }
            try shakeHands(client, server)
            let plain = Input.bytes(count)
            return {
                try client.writeOutbound(plain)
                let record = try take(client)
                try Meter.counted { try receive(record, server) }
                let request = try server.readInbound(as: ByteBuffer.self)
                try NotAsExpected.check("bytes read", request?.readableBytes, count)
                try Meter.counted {
                    server.write(plain, promise: nil)
                    server.flush()
                    server.embeddedEventLoop.run()
                }
                try receive(try take(server), client)
                let answer = try client.readInbound(as: ByteBuffer.self)
                try NotAsExpected.check("bytes answered", answer?.readableBytes, count)
            }
        }
    }

    private static func receive(_ bytes: ByteBuffer, _ end: EmbeddedChannel) throws {
        end.pipeline.syncOperations.fireChannelRead(NIOAny(bytes))
        end.pipeline.syncOperations.fireChannelReadComplete()
        end.embeddedEventLoop.run()
        try end.throwIfErrorCaught()
    }

    private static func shakeHands(_ client: EmbeddedChannel, _ server: EmbeddedChannel) throws {
        while true {
            let up = try take(client)
            if up.readableBytes > 0 { try receive(up, server) }
            let down = try take(server)
            if down.readableBytes > 0 { try receive(down, client) }
            if up.readableBytes == 0, down.readableBytes == 0 { return }
        }
    }

    /// What this end has sent since the last time.
    private static func take(_ end: EmbeddedChannel) throws -> ByteBuffer {
        end.embeddedEventLoop.run()
        var all = ByteBuffer()
        while var piece = try end.readOutbound(as: ByteBuffer.self) { all.writeBuffer(&piece) }
        return all
    }
}
