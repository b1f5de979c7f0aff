// rtbridge: sessions of datagrams, with a back-end in the test's hand and time that stands still.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeWire
import NIOCore
import NIOEmbedded
import Testing

@testable import BridgeCore
@testable import BridgeServer

struct UDPListenerTests {
    /// A listener with one route, and its socket in memory: it cannot send, which is the tests' with real sockets.
    private final class Bench {
        let loop = EmbeddedEventLoop()
        let worker: Worker
        let ingress: Ingress
        let channel: EmbeddedChannel
        let back = ScriptedConnector()

        init(_ change: (inout UDPOptions) -> Void = { _ in }, maximumHeldBytes: Int = Worker.maximumHeldBytes) throws {
            worker = Worker(
                eventLoop: loop, index: 0, logger: .init(label: "test"), accessLog: nil,
                maximumHeldBytes: maximumHeldBytes)
            var listener = Listener(name: "l", address: .host("127.0.0.1", port: 0))
            listener.protocols = [.udp]
            let backend = Backend(name: "b", protocol: .udp, endpoints: [.host("192.0.2.1", port: 7)])
            var route = Route(name: "r", match: Match(protocols: [.udp]), backend: backend)
            change(&route.udp)
            ingress = Ingress(
                worker: worker, listener: ListenerShared(listener, tls: nil, isAdmin: false),
                routes: [WorkerRoute(config: route, connector: back)], local: nil, healthRoute: nil)
            channel = EmbeddedChannel(handler: UDPListener(ingress), loop: loop)
        }

        func send(_ text: String, from port: Int = 4711) throws {
            let client = try SocketAddress(ipAddress: "198.51.100.1", port: port)
            try channel.writeInbound(AddressedEnvelope(remoteAddress: client, data: ByteBuffer(string: text)))
        }

        func pass(_ time: TimeAmount) {
            loop.advanceTime(by: time)
            worker.refreshClock()
            loop.run()
        }

        func received(_ leg: Int = 0) -> String { String(buffer: back.legs[leg].received) }
    }

    @Test func anAddressAndPortIsASession() throws {
        let bench = try Bench()
        for (text, port) in [("a", 1), ("b", 2), ("c", 1), ("d", 2)] { try bench.send(text, from: port) }
        #expect(bench.back.legs.count == 2 && bench.received(0) == "ac" && bench.received(1) == "bd")
    }

    @Test func datagramsBeforeTheBackIsThereWaitInOrderAndTheRouteSaysWhichAreTooMany() throws {
        for (overflow, expected) in [(UDPOptions.Overflow.dropOldest, "0678"), (.dropNewest, "0123")] {
            let bench = try Bench {
                $0.queueDatagrams = 3
                $0.overflow = overflow
            }
            bench.back.onOpen = { _ in }
            for number in 0..<9 { try bench.send("\(number)") }
            #expect(bench.received() == "")
            let exchange = try #require(bench.back.legs[0].exchange)
            exchange.backReady()
            exchange.backOpened()
            #expect(bench.received() == expected)
            #expect(exchange.dropped == 5 && bench.worker.held.used == 0)
            try bench.send("z")
            #expect(bench.received() == expected + "z")
        }
    }

    @Test func nobodyNewIsTakenWhileTheWorkerKeepsTooMuch() throws {
        let bench = try Bench(maximumHeldBytes: 10)
        bench.back.onOpen = { _ in }
        for _ in 0..<3 { try bench.send("0123456789", from: 1) }
        #expect(bench.worker.held.used == 10)
        try bench.send("x", from: 2)
        #expect(bench.back.legs.count == 1)
        bench.back.legs[0].exchange?.backReady()
        try bench.send("y", from: 2)
        #expect(bench.back.legs.count == 2)
    }

    @Test func silenceEndsASessionAndItIsNoFailure() throws {
        let bench = try Bench { $0.idle = .seconds(5) }
        try bench.send("a")
        bench.pass(.seconds(4))
        bench.back.legs[0].exchange?.backBody(ByteBuffer(string: "b"))
        bench.pass(.seconds(4))
        #expect(!bench.ingress.isEmpty)
        bench.pass(.seconds(2))
        #expect(bench.ingress.isEmpty && bench.back.legs[0].end == .cancelled)
        #expect(bench.worker.failedCalls.entries.isEmpty)
        try bench.send("c")
        #expect(bench.back.legs.count == 2)
    }

    @Test func aBackThatIsNeverThereIsAFailureAtTheEndOfTheIdleTime() throws {
        let bench = try Bench { $0.idle = .seconds(5) }
        bench.back.onOpen = { _ in }
        try bench.send("a")
        bench.pass(.seconds(6))
        #expect(bench.ingress.isEmpty)
        #expect(bench.worker.failedCalls.entries.map(\.failure.kind) == [.idleTimeout])
    }

    @Test func aDrainWaitsForASecondOfSilenceAndTakesNobodyNew() throws {
        let bench = try Bench()
        try bench.send("a", from: 1)
        bench.worker.startDraining()
        bench.ingress.drain()
        bench.pass(.milliseconds(700))
        try bench.send("b", from: 1)
        try bench.send("x", from: 2)
        bench.pass(.milliseconds(700))
        #expect(!bench.ingress.isEmpty && bench.back.legs.count == 1 && bench.received() == "ab")
        bench.pass(.milliseconds(700))
        #expect(bench.ingress.isEmpty && bench.back.legs[0].end == .detached)
    }

    @Test func aPlaceIsGivenBackHoweverASessionEnds() throws {
        let ends: [(Exchange) -> Void] = [
            { $0.backFailed(Failure(.refused, .back, .body, "refused")) }, { $0.backEnded() },
            { $0.fail(Failure(.aborted, .bridge, .body, "why not")) },
        ]
        for end in ends {
            let bench = try Bench()
            try bench.send("a")
            weak var exchange = bench.back.legs[0].exchange
            end(try #require(exchange))
            bench.back.forget()
            bench.loop.run()
            #expect(bench.ingress.isEmpty && exchange == nil)
        }
    }
}
