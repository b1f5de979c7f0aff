// rtbridge: tests of which connections keep their record buffers.
// SPDX-License-Identifier: Apache-2.0
import COpenSSL
import NIOCore
import Testing

@testable import NIOOpenSSL

@Suite struct BusyTests {
    /// Servers of one event loop, whose clients have buffers of their own.
    private struct Loop {
        let buffers = TLSBuffers()
        let server: TLSContext
        let client: TLSContext

        init() throws {
            server = try .server(.plain)
            client = try .client(.trusting)
        }

        func connect() throws -> Pair {
            let pair = try Pair(
                client: End(TLSHandler(client: client, serverName: "localhost")),
                server: End(TLSHandler(server: server, buffers: buffers)))
            try pair.start()
            try pair.pump()
            return pair
        }
    }

    private func read(_ pair: Pair, _ text: String = "x") throws {
        _ = pair.client.write(text)
        pair.client.flush()
        try pair.pump()
    }

    private func keeps(_ pair: Pair) -> Bool {
        guard let connection = pair.server.handler.connection else { return false }
        let releases = SSL_ctrl(connection.ssl, SSL_CTRL_MODE, 0, nil) & Int(SSL_MODE_RELEASE_BUFFERS) != 0
        #expect(connection.keepsBuffers != releases)
        return connection.keepsBuffers
    }

    @Test func aConnectionThatReadsKeepsItsBuffersAndOneThatDoesNotHasNone() throws {
        let loop = try Loop()
        let (reading, silent) = (try loop.connect(), try loop.connect())
        try read(reading)
        #expect(keeps(reading))
        #expect(!keeps(silent))
    }

    @Test func noMoreKeepThemThanThereArePlaces() throws {
        let loop = try Loop()
        let pairs = try (0..<40).map { _ in try loop.connect() }
        for _ in 0..<10 {
            for pair in pairs { try read(pair) }
            #expect(pairs.count(where: keeps) == TLSBuffers.maximumBusy)
        }
    }

    @Test func whoReadsNothingMakesRoom() throws {
        let loop = try Loop()
        let early = try (0..<TLSBuffers.maximumBusy).map { _ in try loop.connect() }
        for pair in early { try read(pair) }
        let late = try loop.connect()
        try read(late)
        #expect(!keeps(late), "all the others have just read")
        for _ in 0..<TLSBuffers.maximumBusy { try read(late) }
        #expect(keeps(late))
        #expect(early.count(where: keeps) == TLSBuffers.maximumBusy - 1)
    }

    @Test func aConnectionThatEndsIsFreedAndItsPlaceIsAnothers() throws {
        let loop = try Loop()
        weak var connection: TLSConnection?
        do {
            let pair = try loop.connect()
            try read(pair)
            connection = pair.server.handler.connection
            #expect(connection?.keepsBuffers == true)
            pair.finish()
        }
        #expect(connection == nil)
        let next = try (0..<TLSBuffers.maximumBusy).map { _ in try loop.connect() }
        for pair in next { try read(pair) }
        #expect(next.allSatisfy(keeps))
    }

    /// Buffers come and go between the pieces of a record.
    @Test(arguments: [Cuts.bytes, .random(seed: 8), .random(seed: 9)])
    func noByteIsLostWhenBuffersAreKeptAndGivenBack(_ cuts: Cuts) throws {
        let loop = try Loop()
        let pair = try loop.connect()
        var random = SplitMix(seed: 6)
        var sent = ByteBuffer()
        for round in 0..<12 {
            let bytes = ByteBuffer(bytes: random.bytes(round * 700))
            sent.writeImmutableBuffer(bytes)
            pair.client.write(bytes)
            pair.client.flush()
            for piece in try pair.client.takeSent() {
                var rest = piece
                while rest.readableBytes > 0 {
                    let most: Int
                    switch cuts {
                    case .none: most = rest.readableBytes
                    case .bytes: most = 7
                    case .random: most = Int.random(in: 1...5000, using: &random)
                    }
                    let count = min(most, rest.readableBytes)
                    let cut = rest.readSlice(length: count)
                    try pair.server.receive(try #require(cut))
                    let connection = try #require(pair.server.handler.connection)
                    connection.keepsBuffers.toggle()
                    connection.keepsBuffers.toggle()
                    if Bool.random(using: &random) { connection.keepsBuffers.toggle() }
                }
            }
            pair.server.write(bytes)
            pair.server.flush()
            try pair.pump()
        }
        #expect(pair.server.owner.received == sent)
        #expect(pair.client.owner.received == sent)
    }
}
