// rtbridge: gRPC over WebSocket with many calls on one connection.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeWire
import NIOCore
import Testing

@testable import BridgeCore
@testable import BridgeServer

/// Sources: Deephaven's `MultiplexedWebSocketServerStream` and its client's transport.
struct GRPCWebSocketMultiplexTests {
    private static let head = "80 content-type:application/grpc-web"
    private static let ok = "80 grpc-status:0"

    private static func socket(
        _ fields: String = "", limits: (inout ListenerLimits) -> Void = { _ in },
        route: (inout Route) -> Void = { _ in }
    ) throws -> CallSocket {
        try CallSocket(FrontBench(limits: limits, route: route), "grpc-websockets-multiplex", fields)
    }

    @Test func callsShareAWebSocketAndDoNotMix() throws {
        let socket = try Self.socket()
        try socket.open(0)
        try socket.open(7, path: "/call/y")
        let backs = socket.bench.back.legs
        #expect(backs.map { $0.exchange?.request.string(":path") } == ["/call/x", "/call/y"])
        #expect(backs[0].exchange?.request.contains("grpc-websockets-path") == false)
        try socket.sendFrame(7, "seven")
        try socket.sendFrame(0, "zero")
        try socket.sendEnd(7)
        #expect(backs.map(\.isFinished) == [false, true])
        backs[1].echo()
        #expect(try socket.numberedFrames() == ["7 " + Self.head, "7 00 seven", "7! " + Self.ok])
        try socket.sendEnd(0)
        backs[0].echo()
        #expect(try socket.numberedFrames() == ["0 " + Self.head, "0 00 zero", "0! " + Self.ok])
        #expect(socket.bench.isOpen)
    }

    @Test func whatComesForACallThatIsOverIsPassedOverAndItsNumberIsFree() throws {
        let socket = try Self.socket()
        try socket.open(3)
        socket.bench.back.legs[0].exchange?.backEnded(FieldBlock(["grpc-status": "5"]))
        #expect(try socket.numberedFrames() == ["3! " + Self.head + ", grpc-status:5"])
        try socket.sendFrame(3, "late")
        try socket.sendEnd(3)
        try socket.send(CallSocket.prefix(3))
        #expect(try socket.numberedFrames() == [])
        try socket.open(3)
        #expect(socket.bench.back.legs.count == 2)
    }

    @Test func theTopBitEndsARequestWhateverTheMessageHolds() throws {
        let socket = try Self.socket()
        try socket.open(1)
        try socket.send(CallSocket.prefix(1 | 1 << 31) + [0] + CallSocket.frame("last"))
        #expect(socket.bench.back.legs[0].isFinished)
        #expect(socket.bench.back.legs[0].received.array == CallSocket.frame("last"))
    }

    @Test func aFinalMessageWithNothingInItGivesTheCallUp() throws {
        let socket = try Self.socket()
        try socket.open(1)
        try socket.open(2)
        try socket.send(CallSocket.prefix(1 | 1 << 31))
        #expect(socket.bench.back.legs.map(\.end) == [.cancelled, nil])
        #expect(try socket.numberedFrames() == [])
    }

    @Test func moreCallsThanTheListenerAllowsAreRefusedAndDisturbNoOthers() throws {
        let socket = try Self.socket(limits: { $0.maxConcurrentStreams = 2 })
        for number in 1...3 as ClosedRange<UInt32> { try socket.open(number) }
        #expect(socket.bench.back.legs.count == 2)
        let frames = try socket.numberedFrames()
        #expect(frames.count == 1)
        #expect(frames[0].hasPrefix("3! 80 grpc-status:8, grpc-message:2 calls are open"))
        try socket.sendFrame(3, "never mind")
        socket.bench.back.legs[0].echo()
        #expect(try socket.numberedFrames() == ["1 " + Self.head, "1! " + Self.ok])
        try socket.open(4)
        #expect(socket.bench.back.legs.count == 3)
    }

    @Test(arguments: [
        ("grpc-websockets-path: other/x\r\n", "12", "no route matches /other/x"),
        ("x: no path\r\n", "13", "the header block has no grpc-websockets-path"),
        ("grpc-websockets-path: call/x y\r\n", "13", "grpc-websockets-path has a space in it"),
        ("no field\r\n", "13", "the header block is not lines of \"name: value\""),
    ])
    func aCallThatCannotBeMadeIsRefusedAlone(block: String, code: String, message: String) throws {
        let socket = try Self.socket()
        try socket.open(1)
        try socket.send(CallSocket.prefix(2) + Array(block.utf8))
        #expect(try socket.numberedFrames() == ["2! 80 grpc-status:\(code), grpc-message:\(message)"])
        #expect(socket.bench.back.legs.map(\.end) == [nil])
        #expect(socket.bench.isOpen)
    }

    @Test func aMessageShorterThanItsNumberEndsTheConnection() throws {
        let socket = try Self.socket()
        try socket.open(1)
        try socket.send([0, 0, 1])
        #expect(try socket.numberedFrames() == ["close 1002"])
        #expect(socket.bench.back.legs[0].end == .cancelled)
    }

    @Test func aBrokenAnswerEndsWithoutTrailers() throws {
        let socket = try Self.socket()
        try socket.open(1)
        let back = socket.bench.back.legs[0]
        back.exchange?.backOpened(FieldBlock([":status": "200"]))
        back.exchange?.backBody(ByteBuffer(bytes: [0, 0, 0, 0, 9, 1]))
        back.exchange?.backFailed(Failure(.connectionLost, .back, .body, "connection reset"))
        #expect(try socket.numberedFrames() == ["1 " + Self.head, "1 rest of 6", "1!"])
        #expect(socket.bench.isOpen)
    }

    // MARK: Flow

    /// 256 KiB may wait for a call's back-end, as for a stream of HTTP/2, while the others go on.
    @Test func aSlowBackStopsTheOthersOnlyBeyondItsShare() throws {
        let socket = try Self.socket()
        for number in 1...2 as ClosedRange<UInt32> { try socket.open(number) }
        let slow = socket.bench.back.legs[0]
        slow.isWritable = false
        let payload = String(repeating: "x", count: 100_000)
        for _ in 0..<2 { try socket.sendFrame(1, payload) }
        #expect(socket.bench.isReading)
        try socket.sendFrame(2, "meanwhile")
        #expect(socket.bench.back.legs[1].received.array == CallSocket.frame("meanwhile"))
        try socket.sendFrame(1, payload)
        #expect(!socket.bench.isReading)
        slow.isWritable = true
        slow.exchange?.backWritable()
        #expect(socket.bench.isReading)
    }

    @Test func aBackThatTakesNothingForTooLongIsGivenUpForTheOthersSake() throws {
        let socket = try Self.socket()
        for number in 1...2 as ClosedRange<UInt32> { try socket.open(number) }
        let stuck = socket.bench.back.legs[0]
        stuck.isWritable = false
        try socket.sendFrame(1, String(repeating: "x", count: 300_000))
        socket.bench.pass(.seconds(9))
        #expect(try socket.numberedFrames() == [])
        #expect(!socket.bench.isReading)
        socket.bench.pass(.seconds(2))
        #expect(try socket.numberedFrames().first?.hasPrefix("1! " + Self.head + ", grpc-status:8") == true)
        #expect(stuck.end == .cancelled)
        #expect(socket.bench.isReading)
        try socket.sendFrame(2, "on")
        #expect(socket.bench.back.legs[1].received.array == CallSocket.frame("on"))
    }

    @Test func aSlowBackThatGetsOnIsNotGivenUp() throws {
        let socket = try Self.socket()
        try socket.open(1)
        let slow = socket.bench.back.legs[0]
        for _ in 0..<4 {
            slow.isWritable = false
            try socket.sendFrame(1, String(repeating: "x", count: 300_000))
            socket.bench.pass(.seconds(8))
            slow.isWritable = true
            slow.exchange?.backWritable()
        }
        #expect(slow.end == nil)
    }

    // MARK: Ends

    @Test func aDrainSaysGoAwayAndWaitsForTheLastCall() throws {
        let socket = try Self.socket()
        try socket.open(1)
        socket.bench.worker.startDraining()
        socket.bench.ingress.drain()
        #expect(try socket.numberedFrames() == ["2147483647"])
        // The client's answer, as Deephaven's transport gives it.
        try socket.send(CallSocket.prefix(0xFFFF_FFFF) + [1])
        try socket.open(2)
        #expect(try socket.numberedFrames().first?.hasPrefix("2! 80 grpc-status:14") == true)
        socket.bench.back.legs[0].echo()
        #expect(try socket.numberedFrames() == ["1 " + Self.head, "1! " + Self.ok, "close 1001"])
    }

    @Test func aDrainClosesAtOnceWhereThereIsNoCall() throws {
        let socket = try Self.socket()
        socket.bench.worker.startDraining()
        socket.bench.ingress.drain()
        #expect(try socket.numberedFrames() == ["2147483647", "close 1001"])
    }

    @Test func aClientThatLeavesCancelsAllItsCalls() throws {
        let socket = try Self.socket()
        for number in 1...3 as ClosedRange<UInt32> { try socket.open(number) }
        socket.bench.disconnect()
        #expect(socket.bench.back.legs.map(\.end) == [.cancelled, .cancelled, .cancelled])
    }

    /// Whatever a client sends, the process lives, and a WebSocket that is still open still answers calls.
    @Test func randomMessagesDoNoHarm() throws {
        var random = SplitMix(seed: 41)
        for _ in 0..<60 {
            let socket = try Self.socket()
            socket.bench.back.onOpen = { leg in
                leg.exchange?.backReady()
                leg.echo()
            }
            for _ in 0..<20 where socket.bench.isOpen {
                let number = UInt32.random(in: 0...3, using: &random) | (Bool.random(using: &random) ? 1 << 31 : 0)
                let bytes: [UInt8] =
                    switch Int.random(in: 0...3, using: &random) {
                    case 0: Array("grpc-websockets-path: call/x\r\n".utf8)
                    case 1: [0] + CallSocket.frame("x")
                    default:
                        (0..<Int.random(in: 0...9, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random)
                        }
                    }
                try socket.send(CallSocket.prefix(number) + bytes)
            }
            _ = try socket.receive()
            guard socket.bench.isOpen else { continue }
            try socket.send(CallSocket.prefix(99) + Array("grpc-websockets-path: call/x\r\n".utf8))
            #expect(try socket.numberedFrames().contains { $0.hasPrefix("99") })
        }
    }
}
