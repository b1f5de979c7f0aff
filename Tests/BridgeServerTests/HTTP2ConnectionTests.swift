// rtbridge: requests over HTTP/2, and clients that stall.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import HTTP2Session
import NIOCore
import Testing

@testable import BridgeCore
@testable import BridgeServer

struct HTTP2ConnectionTests {
    @Test func aCallIsAnsweredWithItsTrailers() throws {
        let bench = try HTTP2Bench()
        bench.front.back.onFinish = { $0.echo() }
        let calls = try (0..<20).map { try #require(bench.call("call \($0)")) }
        try bench.run()
        for (index, call) in calls.enumerated() {
            #expect(call.body == HTTP1Request.frame("call \(index)"))
            #expect(call.grpcStatus == "0" && call.closeCode == .noError)
        }
    }

    /// RFC 9110 §9.3.2: no content in the answer to HEAD.
    @Test(arguments: [("/page", "200"), ("/nowhere", "404"), ("/call/x", "405")])
    func anAnswerToHEADHasNoContent(_ path: String, _ status: String) throws {
        let bench = try HTTP2Bench()
        let call = try #require(bench.open("HEAD", path, endStream: true))
        try bench.run()
        #expect(call.head?.string(":status") == status)
        #expect(call.body.readableBytes == 0 && call.closeCode == .noError)
    }

    @Test func aHeadThatIsTooLongIsRefusedOnItsStreamAlone() throws {
        let bench = try HTTP2Bench { $0.maxHeaderBytes = 1000 }
        bench.front.back.onFinish = { $0.echo() }
        let large = try #require(
            bench.open("GET", "/page", [("x", String(repeating: "v", count: 2000))], endStream: true))
        let good = try #require(bench.call("x"))
        try bench.run()
        #expect(large.head?.string(":status") == "431")
        #expect(good.grpcStatus == "0")
    }

    @Test func aConnectionWithoutACallIsClosedAfterTheIdleTime() throws {
        let bench = try HTTP2Bench { $0.idleTimeout = .seconds(30) }
        bench.front.back.onFinish = { $0.echo() }
        _ = bench.call("x")
        try bench.run()
        bench.front.pass(.seconds(29))
        #expect(bench.front.isOpen)
        bench.front.pass(.seconds(32))
        try bench.session.receive(bench.front.receive())
        #expect(bench.side.goaways == 1)
        #expect(!bench.front.isOpen)
        #expect(bench.front.worker.timers.count == 0)
    }

    @Test func aCallMayTakeLongerThanTheIdleTime() throws {
        let bench = try HTTP2Bench { $0.idleTimeout = .seconds(30) }
        let call = try #require(bench.call("slow"))
        try bench.run()
        for _ in 0..<8 { bench.front.pass(.seconds(31)) }
        #expect(bench.front.isOpen)
        bench.front.back.legs[0].echo()
        try bench.run()
        #expect(call.grpcStatus == "0")
    }

    /// A request whose head never ends is no request, and keeps nothing open.
    @Test func aHeadThatDoesNotEndKeepsNoConnectionOpen() throws {
        let bench = try HTTP2Bench { $0.idleTimeout = .seconds(30) }
        // HEADERS (RFC 9113 §6.2) on stream 1, without END_HEADERS: `:method: GET` of HPACK's static table.
        try bench.front.send(ByteBuffer(bytes: [0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82]))
        bench.front.pass(.seconds(31))
        bench.front.pass(.seconds(31))
        #expect(!bench.front.isOpen)
    }

    /// Nor is one that is reset because it is malformed (RFC 9113 §8.1.1).
    @Test func aMalformedRequestKeepsNoConnectionOpen() throws {
        let bench = try HTTP2Bench { $0.idleTimeout = .seconds(30) }
        // The same with END_HEADERS and END_STREAM: no `:path`.
        try bench.front.send(ByteBuffer(bytes: [0, 0, 1, 1, 5, 0, 0, 0, 1, 0x82]))
        #expect(bench.front.isOpen)
        bench.front.pass(.seconds(31))
        bench.front.pass(.seconds(31))
        #expect(!bench.front.isOpen)
    }

    /// The answers wait in the session, and the calls are over: nobody but the connection's own timer can end it.
    @Test func aClientThatReadsNothingIsClosedAfterTheIdleTime() throws {
        let bench = try HTTP2Bench { $0.idleTimeout = .seconds(30) }
        bench.front.back.onFinish = { $0.echo() }
        bench.front.channel.isWritable = false
        _ = bench.call("x")
        try bench.front.send(bench.produce())
        #expect(bench.front.back.legs.first?.end != nil)
        bench.front.pass(.seconds(31))
        bench.front.pass(.seconds(31))
        #expect(!bench.front.isOpen)
        #expect(bench.front.ingress.isEmpty && bench.front.worker.timers.count == 0)
    }

    @Test func aFloodClosesTheConnection() throws {
        let bench = try HTTP2Bench()
        bench.front.channel.isWritable = false
        let ping = ByteBuffer(bytes: [0, 0, 8, 6, 0, 0, 0, 0, 0] + Array(repeating: 1, count: 8))
        for _ in 0..<3000 where bench.front.isOpen { try bench.front.send(ping) }
        #expect(!bench.front.isOpen)
        #expect(bench.front.ingress.isEmpty)
    }

    @Test func whatIsNoHTTP2AfterItsPrefaceClosesTheConnection() throws {
        let bench = try HTTP2Bench()
        try bench.front.send(ByteBuffer(repeating: 0xFF, count: 200))
        _ = try bench.front.receive()
        #expect(!bench.front.isOpen)
    }

    @Test func aDrainLetsCallsEndAndThenCloses() throws {
        let bench = try HTTP2Bench()
        let call = try #require(bench.call("x"))
        try bench.run()
        bench.front.ingress.drain()
        try bench.run()
        #expect(bench.side.goaways == 2 && bench.front.isOpen)
        bench.front.back.legs[0].echo()
        try bench.run()
        #expect(call.grpcStatus == "0")
        #expect(!bench.front.isOpen)
    }

    @Test func aClientThatResetsItsStreamCancelsTheBackAndNoOther() throws {
        let bench = try HTTP2Bench()
        let first = try #require(bench.call("1", ends: false))
        let second = try #require(bench.call("2"))
        try bench.run()
        first.stream.reset(.cancel)
        try bench.run()
        #expect(bench.front.back.legs.map(\.end) == [.cancelled, nil])
        bench.front.back.legs[1].echo()
        try bench.run()
        #expect(second.grpcStatus == "0")
    }

    @Test func aBackThatTakesNothingStopsTheClientAtTheWindow() throws {
        let bench = try HTTP2Bench()
        let call = try #require(bench.call("x", ends: false))
        try bench.run()
        let leg = bench.front.back.legs[0]
        leg.isWritable = false
        var frame = ByteBuffer()
        frame.writeInteger(UInt8(0))
        frame.writeInteger(UInt32(2_000_000))
        call.stream.write(frame)
        for _ in 0..<20 { call.stream.write(ByteBuffer(repeating: 7, count: 100_000)) }
        try bench.run()
        #expect(leg.received.readableBytes <= 256 * 1024)
        #expect(call.stream.pendingBytes > 1_500_000)
        leg.isWritable = true
        leg.exchange?.backWritable()
        try bench.run()
        #expect(call.stream.pendingBytes == 0)
    }
}
