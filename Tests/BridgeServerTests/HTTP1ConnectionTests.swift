// rtbridge: requests over HTTP/1.1, one after the other.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import NIOCore
import Testing

@testable import BridgeCore
@testable import BridgeServer

struct HTTP1ConnectionTests {
    private static let closing = "host: test\r\nconnection: close\r\n"

    private static func echoing(_ change: (FrontBench) -> Void = { _ in }) throws -> FrontBench {
        let bench = try FrontBench()
        bench.back.onFinish = { $0.echo() }
        change(bench)
        return bench
    }

    private static func payloads(_ answers: [HTTP1Answer]) -> [String] {
        answers.map { $0.frames.first?.payload ?? "\($0.status)" }
    }

    // MARK: Pipelining and reuse

    @Test func callsInOnePacketAreAnsweredInOrder() throws {
        let bench = try Self.echoing()
        var packet = ByteBuffer()
        for name in ["one", "two", "three"] { packet.writeImmutableBuffer(HTTP1Request.call(name)) }
        try bench.send(packet)
        let answers = try bench.answers()
        #expect(Self.payloads(answers) == ["one", "two", "three"])
        #expect(answers.allSatisfy { $0.isWhole && $0.frames.last?.payload.contains("grpc-status") == true })
        #expect(bench.isOpen)
    }

    @Test func aCallThatWaitsForTheOneBeforeItIsNotStartedAndNotLost() throws {
        let bench = try FrontBench()
        var packet = HTTP1Request.call("slow")
        packet.writeImmutableBuffer(HTTP1Request.call("behind"))
        try bench.send(packet)
        #expect(bench.back.legs.count == 1)
        #expect(try bench.receive().readableBytes == 0)
        #expect(!bench.isReading, "the client has sent ahead, and is let in no further")

        bench.back.legs[0].echo()
        #expect(Self.payloads(try bench.answers()) == ["slow"])
        #expect(bench.back.legs.count == 2)
        bench.back.legs[1].echo()
        #expect(Self.payloads(try bench.answers()) == ["behind"])
        #expect(bench.isReading)
    }

    @Test(arguments: [1, 2, 7, 50, 1000])
    func packetsMayBeCutAnywhere(_ size: Int) throws {
        let bench = try Self.echoing()
        var bytes = ByteBuffer()
        for index in 0..<5 { bytes.writeImmutableBuffer(HTTP1Request.call("call \(index)")) }
        var received = ByteBuffer()
        while let piece = bytes.readSlice(length: min(size, bytes.readableBytes)), piece.readableBytes > 0 {
            try bench.send(piece)
            received.writeImmutableBuffer(try bench.receive())
        }
        #expect(Self.payloads(HTTP1Answer.parse(received)) == (0..<5).map { "call \($0)" })
    }

    @Test func aClientThatEndsItsSideIsGone() throws {
        let bench = try FrontBench()
        for (complete, packet) in [(true, HTTP1Request.call("x")), (false, HTTP1Request.call("x"))] {
            let bench = try FrontBench()
            var packet = packet
            if !complete { packet.moveWriterIndex(to: packet.writerIndex - 1) }
            try bench.send(packet)
            bench.halfClose()
            #expect(!bench.isOpen && bench.back.legs[0].end == .cancelled)
        }
        bench.halfClose()
        #expect(!bench.isOpen)
    }

    /// A read may bring the request and the end together; what was answered is not flushed before the tick's end.
    @Test func anAnswerOfTheSameTickGoesOutBeforeTheEnd() throws {
        let bench = try FrontBench()
        try bench.channel.writeInbound(ByteBuffer(string: "GET /page HTTP/1.1\r\nhost: test\r\n\r\n"))
        bench.halfClose()
        #expect(try bench.answers().map(\.status) == [200])
        #expect(!bench.isOpen)
    }

    @Test func connectionCloseIsObeyedAndSaid() throws {
        let bench = try Self.echoing()
        try bench.send(HTTP1Request.call("last", Self.closing))
        let answers = try bench.answers()
        #expect(answers.map { $0["connection"] } == ["close"])
        #expect(!bench.isOpen)
    }

    @Test func aThousandCallsFollowEachOtherOnOneConnection() throws {
        let bench = try Self.echoing()
        for index in 0..<1000 {
            try bench.send(HTTP1Request.call("\(index)"))
            #expect(Self.payloads(try bench.answers()) == ["\(index)"])
        }
        #expect(bench.worker.timers.count == 1, "the connection's own idle timer")
    }

    // MARK: HTTP/1.0

    /// RFC 9112 §9.3: HTTP/1.0 closes unless both say keep-alive. §6.1: it is sent no transfer coding.
    @Test func http10GetsAPlainBodyThatEndsWithTheConnection() throws {
        let bench = try Self.echoing()
        try bench.send(HTTP1Request.call("old", version: "1.0", ""))
        let answers = try bench.answers()
        #expect(answers.count == 1)
        #expect(answers[0]["transfer-encoding"] == nil && answers[0]["connection"] == "close")
        #expect(answers[0].frames.first?.payload == "old")
        #expect(!bench.isOpen)
    }

    @Test func http10MayStayWhereTheLengthIsKnown() throws {
        let bench = try FrontBench()
        try bench.send("GET /page HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
        let answers = try bench.answers()
        #expect(answers.map(\.status) == [200])
        #expect(answers[0]["connection"] == "keep-alive" && answers[0]["content-length"] == "6")
        #expect(bench.isOpen)
        try bench.send("GET /page HTTP/1.0\r\n\r\n")
        #expect(try bench.answers().first?["connection"] == "close")
        #expect(!bench.isOpen)
    }

    // MARK: Expect

    private static let expecting =
        "POST /call/x HTTP/1.1\r\nhost: test\r\ncontent-type: application/grpc-web\r\n"
        + "content-length: 6\r\nexpect: 100-continue\r\n\r\n"

    /// RFC 9110 §10.1.1.
    @Test func aClientThatExpectsContinueIsToldBeforeItsBody() throws {
        let bench = try Self.echoing()
        try bench.send(Self.expecting)
        #expect(try bench.receive() == ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n"))
        try bench.send(HTTP1Request.frame("x"))
        #expect(Self.payloads(try bench.answers()) == ["x"])
    }

    @Test func aClientWhoseCallIsRefusedIsNotToldToContinue() throws {
        let bench = try Self.echoing()
        let text = Self.expecting.replacing("/call/x", with: "/nowhere")
        try bench.send(text)
        let answers = try bench.answers()
        #expect(answers.count == 1 && answers[0].status != 100)
        #expect(answers[0]["connection"] == "close", "the body may come or not: this connection cannot go on")
    }

    @Test func http10KnowsNoContinue() throws {
        let bench = try Self.echoing()
        try bench.send(Self.expecting.replacing("HTTP/1.1", with: "HTTP/1.0"))
        #expect(try bench.receive().readableBytes == 0)
    }

    // MARK: HEAD

    /// RFC 9110 §9.3.2: "the server MUST NOT send content in the response".
    @Test(arguments: [("/page", 200), ("/nowhere", 404), ("/call/x", 405), ("/ws", 426)])
    func anAnswerToHEADHasNoContent(_ path: String, _ status: Int) throws {
        let bench = try FrontBench()
        try bench.send("HEAD \(path) HTTP/1.1\r\nhost: test\r\n\r\n")
        let bytes = try bench.receive()
        #expect(HTTP1Answer.parse(bytes, toHead: true).map(\.status) == [status])
        #expect(String(buffer: bytes).hasSuffix("\r\n\r\n"))
        try bench.send("GET /page HTTP/1.1\r\nhost: test\r\n\r\n")
        #expect(try bench.answers().map(\.status) == [200], "the next answer is where the client looks for it")
    }

    // MARK: What is wrong

    @Test func whatIsNoRequestIsAnsweredAndClosed() throws {
        let bench = try FrontBench()
        try? bench.send("GET /\u{1}\u{2} what\r\n\r\n")
        #expect(try bench.answers().map(\.status) == [400])
        #expect(!bench.isOpen)
    }

    @Test func aBrokenRequestBehindACallDoesNotTakeItsAnswer() throws {
        let bench = try FrontBench()
        var packet = HTTP1Request.call("whole")
        packet.writeString("what is this\r\n\r\n")
        try? bench.send(packet)
        #expect(bench.isOpen)
        #expect(bench.back.legs.first?.end == nil)
        bench.back.legs[0].echo()
        let answers = try bench.answers()
        #expect(Self.payloads(answers) == ["whole", "400"])
        #expect(!bench.isOpen)
    }

    @Test(arguments: [
        "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", "GET x HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a/b\r\n\r\n",
    ])
    func aRequestWithoutOneHostOrTargetIsRefused(_ request: String) throws {
        let bench = try FrontBench()
        try? bench.send(request)
        #expect(try bench.answers().map(\.status) == [400])
        #expect(!bench.isOpen)
    }

    @Test func aHeadThatIsTooLongIsRefused() throws {
        for count in [20_000, 17_000] {
            let bench = try FrontBench()
            try? bench.send("GET / HTTP/1.1\r\nhost: a\r\nx: \(String(repeating: "v", count: count))\r\n\r\n")
            #expect(try bench.answers().map(\.status) == [431])
            #expect(!bench.isOpen)
        }
    }

    @Test func aBodyThatNobodyWantsIsNotKept() throws {
        let bench = try FrontBench()
        try bench.send("POST /nowhere HTTP/1.1\r\nhost: test\r\ncontent-length: 1000000\r\n\r\n")
        #expect(try bench.answers().map { $0["connection"] } == ["close"])
    }

    // MARK: Back-pressure

    @Test func aBackThatTakesNothingStopsTheReading() throws {
        let bench = try FrontBench()
        try bench.send(
            "POST /call/x HTTP/1.1\r\nhost: test\r\ncontent-type: application/grpc-web\r\ncontent-length: 2000000\r\n\r\n"
        )
        let leg = bench.back.legs[0]
        leg.isWritable = false
        var frame = ByteBuffer()
        frame.writeInteger(UInt8(0))
        frame.writeInteger(UInt32(1_999_995))
        try bench.send(frame)
        for _ in 0..<4 {
            #expect(bench.isReading)
            try bench.send(ByteBuffer(repeating: 7, count: 16 * 1024))
        }
        #expect(!bench.isReading)
        leg.isWritable = true
        leg.exchange?.backWritable()
        #expect(bench.isReading)
        #expect(leg.received.readableBytes == 5 + 4 * 16 * 1024)
    }

    @Test func aClientThatIsFullStopsTheBackUntilItIsNot() throws {
        let bench = try FrontBench()
        try bench.send(HTTP1Request.call("x"))
        let leg = bench.back.legs[0]
        leg.exchange?.backOpened(FieldBlock([":status": "200", "content-type": "application/grpc"]))
        bench.channel.isWritable = false
        bench.channel.pipeline.fireChannelWritabilityChanged()
        leg.exchange?.backBody(HTTP1Request.frame("one"))
        #expect(leg.takenCount == 0)
        bench.channel.isWritable = true
        bench.channel.pipeline.fireChannelWritabilityChanged()
        #expect(leg.takenCount == 1)
    }
}
