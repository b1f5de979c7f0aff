// rtbridge: how many connections a listener takes.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeWire
import NIOCore
import Testing

@testable import BridgeServer

struct ListenerTests {
    private static func start(maxConnections: Int, workers: Int) async throws -> Bridge {
        var document = Document()
        var listener = Listener(name: "public", address: .host("127.0.0.1", port: 0))
        listener.limits.maxConnections = maxConnections
        // On a busy machine a long time may pass between a connection's opening and its first request.
        listener.limits.headerTimeout = nil
        document.listeners = [listener]
        document.workers = workers
        var pages = LocalPages()
        pages.add("/page") { _ in LocalPage(fields: FieldBlock(), body: ByteBuffer(string: "a page")) }
        return try await Bridge.start(document, logger: .init(label: "test"), accessLog: nil, pages: pages)
    }

    private static let request = "GET /page HTTP/1.1\r\nhost: test\r\n\r\n"

    /// A connection that was let in, which its answer shows.
    private static func served(_ bridge: Bridge) async throws -> RawConnection {
        let connection = try await RawConnection.connect(to: bridge.listening[0].address)
        try await connection.send(request)
        try await connection.wait("an answer") { HTTP1Answer.parse($0.bytes).first?.isWhole == true }
        return connection
    }

    /// The count is over all workers, whichever the kernel gives a connection to.
    @Test(arguments: [1, 2])
    func noMoreConnectionsAreTakenThanAllowedAndAPlaceThatIsFreeIsGivenAgain(_ workers: Int) async throws {
        let bridge = try await Self.start(maxConnections: 3, workers: workers)
        var open: [RawConnection] = []
        for _ in 0..<3 { open.append(try await Self.served(bridge)) }
        for _ in 0..<5 {
            let refused = try await RawConnection.connect(to: bridge.listening[0].address)
            try await refused.wait("the end") { $0.hasEnded || $0.isClosed }
            #expect(refused.seen.bytes.readableBytes == 0)
            await refused.close()
        }
        // Those that are in are still served.
        try await open[0].send(Self.request)
        try await open[0].wait("a second answer") { HTTP1Answer.parse($0.bytes).count == 2 }

        await open.removeLast().close()
        let deadline = ContinuousClock.now + .seconds(30)
        var next: RawConnection?
        while next == nil, ContinuousClock.now < deadline {
            // The bridge learns of the free place a moment after we gave it up.
            let connection = try await RawConnection.connect(to: bridge.listening[0].address)
            try? await connection.send(Self.request)
            let seen = try await connection.wait("an answer or the end") {
                $0.bytes.readableBytes > 0 || $0.hasEnded || $0.isClosed
            }
            if seen.bytes.readableBytes > 0 { next = connection } else { await connection.close() }
        }
        #expect(next != nil)
        await next?.close()
        for connection in open { await connection.close() }
        await bridge.shutdown()
    }

    @Test func aBridgeThatShutsDownClosesIdleConnectionsAtOnce() async throws {
        let bridge = try await Self.start(maxConnections: 10, workers: 2)
        let connections = [try await Self.served(bridge), try await Self.served(bridge)]
        await bridge.shutdown()
        for connection in connections { try await connection.wait("the end") { $0.hasEnded || $0.isClosed } }
        await #expect(throws: (any Error).self) { try await RawConnection.connect(to: bridge.listening[0].address) }
    }

    @Test func anAddressThatIsTakenIsAnErrorThatNamesIt() async throws {
        let taken = try await RawServer()
        var document = Document()
        document.listeners = [Listener(name: "public", address: .host("127.0.0.1", port: taken.port))]
        document.workers = 2
        let error = await #expect(throws: BridgeStartError.self) {
            try await Bridge.start(document, logger: .init(label: "test"), accessLog: nil)
        }
        #expect(
            error?.description.hasPrefix(
                "listeners.public.address: 127.0.0.1:\(taken.port): the address is in use by another process") == true)
        await taken.close()
    }
}
