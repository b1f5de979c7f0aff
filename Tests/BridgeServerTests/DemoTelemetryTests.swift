// rtbridge: the demo's telemetry: who gets what, and datagrams on loopback.
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOPosix
import Testing

@testable import BridgeDemo

@Suite struct TelemetrySubscribersTests {
    let now = NIODeadline.uptimeNanoseconds(1_000_000_000)

    func peer(_ port: Int) -> SocketAddress { try! SocketAddress(ipAddress: "127.0.0.1", port: port) }

    @Test func aSubscriptionEndsAfterFiveMinutesUnlessItIsRenewed() {
        var subscribers = TelemetrySubscribers()
        subscribers.subscribe(peer(1), now: now)
        subscribers.subscribe(peer(2), now: now)
        subscribers.subscribe(peer(2), now: now + .minutes(4))
        #expect(subscribers.nextRound(now: now + .minutes(5) - .nanoseconds(1)).count == 2)
        #expect(subscribers.nextRound(now: now + .minutes(5)).map(\.peer) == [peer(2)])
        #expect(subscribers.nextRound(now: now + .minutes(9)).isEmpty)
    }

    @Test func numbersAreCountedForEachSubscriberAndGoOnWhenItRenews() {
        var subscribers = TelemetrySubscribers()
        subscribers.subscribe(peer(1), now: now)
        #expect(subscribers.nextRound(now: now).map(\.sequence) == [0])
        subscribers.subscribe(peer(1), now: now)
        #expect(subscribers.nextRound(now: now).map(\.sequence) == [1])
        subscribers.stop(peer(1))
        #expect(subscribers.nextRound(now: now).isEmpty)
        subscribers.subscribe(peer(1), now: now)
        #expect(subscribers.nextRound(now: now).map(\.sequence) == [0])
    }

    @Test func aNewSubscriberTakesThePlaceOfTheOneRenewedLongestAgo() {
        var subscribers = TelemetrySubscribers()
        for port in 1...TelemetrySubscribers.maximum {
            subscribers.subscribe(peer(port), now: now + .seconds(Int64(port)))
        }
        subscribers.subscribe(peer(1), now: now + .seconds(100))
        subscribers.subscribe(peer(9999), now: now + .seconds(101))
        let peers = Set(subscribers.nextRound(now: now + .seconds(102)).map(\.peer))
        #expect(peers.count == TelemetrySubscribers.maximum)
        #expect(peers.contains(peer(1)) && peers.contains(peer(9999)) && !peers.contains(peer(2)))
    }
}

@Suite struct TelemetrySignalTests {
    @Test(arguments: [
        (0.0, 0.0, "\"value\":0.000,\"load\":0.000"), (-0.0004, 99.9996, "\"value\":0.000,\"load\":100.000"),
        (-0.05, 7.06, "\"value\":-0.050,\"load\":7.060"), (-1, 100, "\"value\":-1.000,\"load\":100.000"),
    ]) func aSampleIsWrittenWithThreeDigits(value: Double, load: Double, expected: String) {
        var buffer = ByteBuffer()
        TelemetrySample(value: value, load: load).write(to: &buffer, sequence: 17, milliseconds: 850)
        #expect(String(buffer: buffer) == "{\"seq\":17,\"t\":850,\(expected)}")
    }

    @Test func theSignalStaysInItsRangeAndMoves() {
        var signal = TelemetrySignal(seed: 1)
        var again = TelemetrySignal(seed: 1)
        var values: [Double] = []
        for _ in 0..<100_000 {
            let sample = signal.next()
            #expect(sample == again.next())
            guard (-1...1).contains(sample.value), (0...100).contains(sample.load) else {
                Issue.record("\(sample) is out of range")
                return
            }
            values.append(sample.value)
        }
        #expect(values.suffix(1000).max()! > 0.6 && values.suffix(1000).min()! < -0.6)
    }

    @Test(arguments: ["subscribe", "stop", "ping"]) func aCommandMayHaveWhiteSpaceAroundIt(command: String) {
        #expect(TelemetryCommand(" \(command)\r\n".utf8)?.rawValue == command)
        #expect(TelemetryCommand("\(command)s".utf8) == nil)
        #expect(TelemetryCommand(command.uppercased().utf8) == nil)
    }
}

@Suite(.timeLimit(.minutes(1))) struct DemoUDPTelemetryTests {
    @Test func subscribingStartsAFeedThatStopEnds() async throws {
        let telemetry = DemoUDPTelemetry()
        let address = try await telemetry.start(on: MultiThreadedEventLoopGroup.singleton)
        try await DatagramClient.with(address) { client in
            try await client.send("ping")
            #expect(try await client.receive() == "pong")
            try await client.send("nonsense")
            try await client.send("subscribe")
            for sequence in 0..<5 {
                let datagram = try await client.receive()
                #expect(
                    datagram.wholeMatch(of: /\{"seq":(\d+),"t":\d+,"value":-?\d\.\d{3},"load":\d+\.\d{3}\}/)?.1
                        == "\(sequence)")
            }
            // Datagrams on loopback stay in order, so nothing of the first feed may follow the answer to the ping:
            // the next number would be a higher one if the feed had gone on.
            try await client.send("stop")
            try await client.send("ping")
            while try await client.receive() != "pong" {}
            try await client.send("subscribe")
            #expect(try await client.receive().hasPrefix("{\"seq\":0,"))
        }
        await telemetry.stop()
    }

    @Test func everySubscriberHasNumbersOfItsOwn() async throws {
        let telemetry = DemoUDPTelemetry()
        let address = try await telemetry.start(on: MultiThreadedEventLoopGroup.singleton)
        try await DatagramClient.with(address) { first in
            try await first.send("subscribe")
            for _ in 0..<3 { _ = try await first.receive() }
            try await DatagramClient.with(address) { second in
                try await second.send("subscribe")
                #expect(try await second.receive().hasPrefix("{\"seq\":0,"))
            }
        }
        await telemetry.stop()
    }
}

/// A UDP socket connected to a back-end.
final class DatagramClient {
    private var inbound: NIOAsyncChannelInboundStream<AddressedEnvelope<ByteBuffer>>.AsyncIterator
    private let outbound: NIOAsyncChannelOutboundWriter<AddressedEnvelope<ByteBuffer>>
    private let address: SocketAddress

    private init(
        _ inbound: NIOAsyncChannelInboundStream<AddressedEnvelope<ByteBuffer>>,
        _ outbound: NIOAsyncChannelOutboundWriter<AddressedEnvelope<ByteBuffer>>, _ address: SocketAddress
    ) {
        self.inbound = inbound.makeAsyncIterator()
        self.outbound = outbound
        self.address = address
    }

    static func with(_ address: SocketAddress, _ body: (DatagramClient) async throws -> Void) async throws {
        let channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<AddressedEnvelope<ByteBuffer>, AddressedEnvelope<ByteBuffer>>(
                        wrappingChannelSynchronously: channel)
                }
            }
        try await channel.executeThenClose { inbound, outbound in
            try await body(DatagramClient(inbound, outbound, address))
        }
    }

    func send(_ text: String) async throws {
        try await outbound.write(AddressedEnvelope(remoteAddress: address, data: ByteBuffer(string: text)))
    }

    func receive() async throws -> String {
        guard let datagram = try await inbound.next() else { throw ChannelError.eof }
        return String(buffer: datagram.data)
    }
}
