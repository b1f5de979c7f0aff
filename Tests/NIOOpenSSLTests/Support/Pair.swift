// rtbridge: a client and a server with nothing but memory between them.
// SPDX-License-Identifier: Apache-2.0
import NIOCore
import NIOEmbedded

@testable import NIOOpenSSL

/// One end of a connection: a channel without a network, TLS, and an owner that takes notes.
final class End {
    let channel = EmbeddedChannel()
    let handler: TLSHandler
    let owner = Recorder()
    /// Ciphertext that left this end, one entry for each write.
    private(set) var sent: [ByteBuffer] = []

    init(_ handler: TLSHandler) throws {
        self.handler = handler
        try channel.pipeline.syncOperations.addHandlers([handler, owner])
    }

    func activate() throws { try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait() }

    /// What is to be sent, oldest first.
    func takeSent() throws -> [ByteBuffer] {
        channel.embeddedEventLoop.run()
        var taken: [ByteBuffer] = []
        while let bytes = try channel.readOutbound(as: ByteBuffer.self) {
            if bytes.readableBytes > 0 { taken.append(bytes) }
        }
        sent += taken
        return taken
    }

    func write(_ text: String) -> EventLoopFuture<Void> { write(ByteBuffer(string: text)) }

    @discardableResult
    func write(_ bytes: ByteBuffer) -> EventLoopFuture<Void> { channel.write(bytes) }

    func flush() { channel.flush() }

    func receive(_ bytes: ByteBuffer) throws { try channel.writeInbound(bytes) }
}

/// How ciphertext is cut on its way.
enum Cuts {
    case none
    case bytes
    case random(seed: UInt64)
}

final class Pair {
    let client: End
    let server: End

    init(client: End, server: End) {
        self.client = client
        self.server = server
    }

    init(client: TLSContext, server: TLSContext, name: String? = "localhost", buffers: TLSBuffers? = nil) throws {
        self.client = try End(TLSHandler(client: client, serverName: name, buffers: buffers))
        self.server = try End(TLSHandler(server: server, buffers: buffers))
    }

    /// Left out, the options are the shared ones, and the version is the newest.
    convenience init(
        client: TLSClientOptions? = nil, server: TLSServerOptions? = nil, name: String? = "localhost",
        version: TLSVersion = .tls13
    ) throws {
        let context = try TLSContext.server(server ?? .plain)
        if version == .tls12 { context.limitToTLS12() }
        try self.init(client: .client(client ?? .trusting), server: context, name: name)
    }

    /// A pair whose handshake is done.
    static func connected(
        client: TLSClientOptions? = nil, server: TLSServerOptions? = nil, version: TLSVersion = .tls13
    ) throws -> Pair {
        let pair = try Pair(client: client, server: server, version: version)
        try pair.start()
        try pair.pump()
        return pair
    }

    func start() throws {
        try server.activate()
        try client.activate()
    }

    /// Carries ciphertext to and fro until there is no more.
    func pump(_ cuts: Cuts = .none) throws {
        var generator = SplitMix(seed: 0)
        if case .random(let seed) = cuts { generator = SplitMix(seed: seed) }
        while true {
            let up = try client.takeSent()
            for bytes in up { try deliver(bytes, to: server, cuts, &generator) }
            let down = try server.takeSent()
            for bytes in down { try deliver(bytes, to: client, cuts, &generator) }
            if up.isEmpty && down.isEmpty { return }
        }
    }

    private func deliver(_ bytes: ByteBuffer, to end: End, _ cuts: Cuts, _ generator: inout SplitMix) throws {
        var bytes = bytes
        while bytes.readableBytes > 0 {
            let count =
                switch cuts {
                case .none: bytes.readableBytes
                case .bytes: 1
                case .random: min(bytes.readableBytes, Int.random(in: 1...40_000, using: &generator))
                }
            try end.receive(bytes.readSlice(length: count)!)
        }
    }

    /// Ends the connection without TLS's knowledge.
    func finish() {
        _ = try? client.channel.finish(acceptAlreadyClosed: true)
        _ = try? server.channel.finish(acceptAlreadyClosed: true)
    }
}
