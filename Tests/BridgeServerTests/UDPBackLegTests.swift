// rtbridge: sessions with a UDP back-end.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import BridgeBacks
@testable import BridgeCore

struct UDPBackLegTests {
    private static func world(
        _ port: Int, host: String = "127.0.0.1", limiter: SessionLimiter = .init(maximum: 0, maximumPerClient: 0),
        _ change: @escaping @Sendable (inout UDPOptions) -> Void = { _ in }
    ) async throws -> BackWorld {
        let backend = Backend(name: "b", protocol: .udp, endpoints: [.host(host, port: port)])
        return try await BackWorld.make(backend) { route in
            change(&route.udp)
        } connector: { backend, worker, _ in
            UDPConnector(backend: backend, worker: worker, limiter: limiter)
        }
    }

    /// A session that has its socket, and the leg behind it.
    private static func sessionAndLeg(
        _ server: DatagramServer, _ change: @escaping @Sendable (inout UDPOptions) -> Void = { _ in }
    ) async throws -> (BackSession, NIOLoopBound<UDPBackLeg>) {
        let legs = Mutex<[NIOLoopBound<UDPBackLeg>]>([])
        let backend = Backend(name: "b", protocol: .udp, endpoints: [.host("127.0.0.1", port: server.port)])
        let world = try await BackWorld.make(backend) { route in
            change(&route.udp)
        } connector: { backend, worker, _ in
            let limiter = SessionLimiter(maximum: 0, maximumPerClient: 0)
            let connector = UDPConnector(backend: backend, worker: worker, limiter: limiter)
            return OneLegConnector(connector) { leg in
                legs.withLock { $0.append(NIOLoopBound(leg, eventLoop: worker.eventLoop)) }
            }
        }
        let session = try await BackSession.open(world)
        try await session.wait("the socket") { $0.isOpen }
        return (session, try #require(legs.withLock { $0.first }))
    }

    private static func texts(_ session: BackSession) async throws -> [String] {
        try await session.run { $0.pieces.map { String(buffer: $0) } }
    }

    @Test(arguments: ["127.0.0.1", "localhost"])
    func aPieceIsADatagramAndADatagramAPiece(_ host: String) async throws {
        let server = try await DatagramServer()
        let session = try await BackSession.open(Self.world(server.port, host: host))
        try await session.wait("the socket") { $0.isOpen }
        for text in ["one", "", "three"] { try await session.send(ByteBuffer(string: text), .endsMessage) }
        try await eventually("three datagrams", on: session.loop) { server.seen.count == 3 ? () : nil }
        #expect(server.seen == ["one", "", "three"])
        for text in ["a", "", "ccc"] { try await server.answer(text) }
        try await session.wait("three datagrams") { $0.pieces.count == 3 }
        #expect(try await Self.texts(session) == ["a", "", "ccc"])
        try await session.leave()
        await server.close()
    }

    @Test func aNameThatIsNoneFailsTheSession() async throws {
        // A label has 63 octets at most (RFC 1035 §2.3.4), so nobody is asked.
        let name = String(repeating: "x", count: 64) + ".test"
        let session = try await BackSession.open(Self.world(1, host: name))
        let failure = try await session.failure()
        #expect(failure.kind == .resolveFailed && failure.phase == .resolve)
    }

    // MARK: Slow clients

    private func overflow(_ overflow: UDPOptions.Overflow) async throws -> (texts: [String], dropped: Int) {
        let server = try await DatagramServer()
        let world = try await Self.world(server.port) {
            $0.queueDatagrams = 4
            $0.overflow = overflow
        }
        let session = try await BackSession.open(world)
        try await session.wait("the socket") { $0.isOpen }
        try await session.send("hello")
        try await eventually("the greeting", on: session.loop) { server.seen.isEmpty ? nil : () }
        try await session.run { $0.isWritable = false }
        for number in 0..<12 { try await server.answer("\(number)") }
        try await session.wait("twelve datagrams") { $0.exchange.dropped == 7 }
        #expect(try await Self.texts(session) == ["0"], "the first one went to the client, and it has not taken it")
        try await session.run { front in
            front.isWritable = true
            front.exchange.frontWritable()
        }
        let texts = try await Self.texts(session)
        let dropped = try await session.run { $0.exchange.dropped }
        try await server.answer("last")
        try await session.wait("the last") { $0.pieces.last == ByteBuffer(string: "last") }
        try await session.leave()
        await server.close()
        return (texts, dropped)
    }

    @Test func withDropOldestASlowClientGetsTheNewest() async throws {
        let (texts, dropped) = try await overflow(.dropOldest)
        #expect(texts == ["0", "8", "9", "10", "11"])
        #expect(dropped == 7)
    }

    @Test func withDropNewestASlowClientGetsTheOldest() async throws {
        let (texts, dropped) = try await overflow(.dropNewest)
        #expect(texts == ["0", "1", "2", "3", "4"])
        #expect(dropped == 7)
    }

    /// One call deeper for each datagram, and a long queue would be the end of the stack.
    @Test func aVeryLongQueueIsPassedOnWithoutGoingDeeper() async throws {
        let server = try await DatagramServer()
        let count = 200_000
        let (session, leg) = try await Self.sessionAndLeg(server) { $0.queueDatagrams = count }
        try await session.run { front in
            front.isWritable = false
            for number in 0..<(count + 1) { leg.value.received(ByteBuffer(integer: UInt32(number))) }
            front.isWritable = true
            front.exchange.frontWritable()
        }
        let pieces = try await session.run { $0.pieces.map { $0.getInteger(at: 0, as: UInt32.self) } }
        #expect(pieces.count == count + 1)
        #expect(pieces.indices.allSatisfy { pieces[$0] == UInt32($0) })
        try await session.leave()
        await server.close()
    }

    // MARK: Ends

    /// RFC 1122 §4.1.3.3: an ICMP error is passed on to whoever sent the datagram.
    @Test(arguments: [1, 3, 40])
    func aPortAtWhichNobodyListensFailsTheSessionHoweverManyAreSent(_ count: Int) async throws {
        let server = try await DatagramServer()
        await server.close()
        let world = try await Self.world(server.port)
        let session = try await BackSession.open(world)
        try await session.wait("the socket") { $0.isOpen }
        // All in one tick, so that the second is sent when the error of the first is known.
        try await session.run { front in
            for _ in 0..<count { front.exchange.frontBody(ByteBuffer(string: "x"), .endsMessage) }
        }
        let failure = try await session.failure()
        #expect(failure.kind == .refused && failure.address == "127.0.0.1:\(server.port)")
        #expect(try await session.run { $0.ends } == 1)
    }

    @Test func aSocketThatClosesByItselfFailsTheSession() async throws {
        let server = try await DatagramServer()
        let (session, leg) = try await Self.sessionAndLeg(server)
        try await session.run { _ in leg.value.channel?.close(promise: nil) }
        #expect(try await session.failure().kind == .refused)
        #expect(try await session.run { $0.ends } == 1)
        await server.close()
    }

    @Test func aDatagramThatIsTooLongFailsTheSession() async throws {
        let server = try await DatagramServer()
        let session = try await BackSession.open(Self.world(server.port) { $0.maxDatagramBytes = 100 })
        try await session.wait("the socket") { $0.isOpen }
        try await session.send("hello")
        try await eventually("the greeting", on: session.loop) { server.seen.isEmpty ? nil : () }
        try await server.answer(String(repeating: "x", count: 100))
        try await session.wait("a datagram") { $0.pieces.count == 1 }
        try await server.answer(String(repeating: "x", count: 101))
        #expect(try await session.failure().kind == .messageTooBig)
        await server.close()
    }

    @Test func aPlaceIsGivenBackHoweverTheSessionEnds() async throws {
        let limiter = SessionLimiter(maximum: 1, maximumPerClient: 0)
        let server = try await DatagramServer()
        let world = try await Self.world(server.port, limiter: limiter)
        for round in 0..<6 {
            let session = try await BackSession.open(world)
            if round > 0 { try await session.wait("the socket") { $0.isOpen } }
            let second = try await BackSession.open(world)
            #expect(try await second.failure().kind == .overloaded)
            switch round % 3 {
            case 0: try await session.leave()
            case 1: try await session.run { $0.exchange.fail(Failure(.draining, .bridge, .body, "draining")) }
            default: try await session.run { $0.exchange.frontAborted(Failure(.aborted, .front, .body, "gone")) }
            }
        }
        #expect(limiter.enter("x") == nil)
        await server.close()
    }

    /// What the client said last goes out although it is gone.
    @Test func theLastDatagramIsSentBeforeTheSocketCloses() async throws {
        let server = try await DatagramServer()
        let session = try await BackSession.open(Self.world(server.port))
        try await session.wait("the socket") { $0.isOpen }
        try await session.run { front in
            front.exchange.frontBody(ByteBuffer(string: "last"), .endsMessage)
            front.exchange.frontClosed()
        }
        try await eventually("the datagram", on: session.loop) { server.seen == ["last"] ? () : nil }
        await server.close()
    }
}

/// Shows a test the leg that its connector made.
private final class OneLegConnector: BackConnector {
    private let connector: UDPConnector
    private let made: (UDPBackLeg) -> Void

    init(_ connector: UDPConnector, _ made: @escaping (UDPBackLeg) -> Void) {
        self.connector = connector
        self.made = made
    }

    func makeLeg() -> any BackLeg {
        let leg = UDPBackLeg(connector: connector)
        made(leg)
        return leg
    }

    func probe(_ done: @escaping (Failure?) -> Void) { done(nil) }
    func shutdown() {}
}
