// rtbridge: windows as back-pressure.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import HTTP2Session
import NIOCore
import Testing

struct WindowTests {
    private static let window = 64 * 1024

    private static func options(window: Int = window, connection: Int32 = 1024 * 1024) -> HTTP2Options {
        var options = HTTP2Options()
        options.streamWindow = UInt32(window)
        options.connectionWindow = connection
        return options
    }

    @Test(arguments: Cut.all)
    func withoutConsumingTheSenderStopsAtTheStreamsWindowAndGoesOnAfterIt(_ cut: Cut) throws {
        let pair = Pair(cut, front: Self.options())
        pair.frontSide.consumes = false
        try pair.run()
        let call = try #require(pair.open(.post, endStream: false))
        let body = ByteBuffer.pattern(5 * Self.window + 777)
        call.stream.write(body)
        call.stream.finish(nil)
        try pair.run()
        let request = try #require(pair.frontSide.requests.first)
        #expect(request.recorder.received == Self.window)
        #expect(call.stream.pendingBytes == body.readableBytes - Self.window)

        while request.recorder.unconsumed > 0 {
            request.recorder.consumeAll()
            try pair.run()
            #expect(request.recorder.unconsumed <= Self.window)
        }
        #expect(request.recorder.events == [.body(body), .ended])
    }

    /// A call is only begun anew with all of its request.
    @Test func whatWasWrittenIsKeptWholeOrNotAtAll() throws {
        let pair = Pair(front: Self.options())
        pair.frontSide.consumes = false
        try pair.run()
        let large = try #require(pair.open(.post, endStream: false)).stream
        large.keepWritten()
        large.write(.pattern(2 * Self.window))
        #expect(large.written == .pattern(2 * Self.window), "nothing has left yet")
        try pair.run()
        #expect(large.pendingBytes == Self.window)
        #expect(large.written == nil)

        let small = try #require(pair.open(.post, endStream: false)).stream
        small.keepWritten()
        small.write(.pattern(100))
        try pair.run()
        #expect(small.pendingBytes == 0)
        #expect(small.written == .pattern(100))
    }

    @Test func aStalledStreamDoesNotStopTheOthers() throws {
        // The connection's window is no larger than the stream's: only accounting by stream lets others through.
        let pair = Pair(front: Self.options(connection: Int32(Self.window)))
        pair.frontSide.consumes = false
        try pair.run()
        let stalled = try #require(pair.open(.post, endStream: false))
        stalled.stream.write(.pattern(3 * Self.window))
        try pair.run()
        let first = try #require(pair.frontSide.requests.first)
        #expect(first.recorder.received == Self.window)

        pair.frontSide.consumes = true
        let body = ByteBuffer.pattern(10 * Self.window)
        let lively = try #require(pair.open(.post, endStream: false))
        lively.stream.write(body)
        lively.stream.finish(nil)
        try pair.run()
        #expect(pair.frontSide.requests[1].recorder.events == [.body(body), .ended])
        #expect(first.recorder.received == Self.window)
    }

    /// Many streams at once may hold a window each; none of it counts against the connection.
    @Test func manyStalledStreamsHoldAWindowEach() throws {
        let pair = Pair(front: Self.options(connection: Int32(Self.window)))
        pair.frontSide.consumes = false
        try pair.run()
        var calls: [HTTP2Stream] = []
        for _ in 0..<20 {
            let call = try #require(pair.open(.post, endStream: false))
            call.stream.write(.pattern(2 * Self.window))
            calls.append(call.stream)
        }
        try pair.run()
        #expect(pair.frontSide.requests.map(\.recorder.received) == Array(repeating: Self.window, count: 20))
    }

    @Test func bytesOfAStreamThatIsResetAreGivenBackToTheConnection() throws {
        let pair = Pair(front: Self.options(connection: Int32(Self.window)))
        pair.frontSide.consumes = false
        try pair.run()
        for round in 0..<50 {
            let call = try #require(pair.open(.post, endStream: false))
            call.stream.write(.pattern(Self.window))
            try pair.run()
            let request = try #require(pair.frontSide.requests.last)
            #expect(request.recorder.received == Self.window, "round \(round)")
            if round.isMultiple(of: 2) { request.stream.reset(.cancel) } else { call.stream.reset(.cancel) }
            try pair.run()
        }
        #expect(pair.front.streamCount == 0)
    }

    @Test func whatNobodyListensToIsConsumed() throws {
        let pair = Pair(front: Self.options(connection: Int32(Self.window)))
        try pair.run()
        pair.frontSide.onRequest = { $0.stream.delegate = nil }
        let call = try #require(pair.open(.post, endStream: false))
        call.stream.write(.pattern(20 * Self.window))
        try pair.run()
        #expect(call.stream.pendingBytes == 0)
    }

    /// RFC 9113 §6.9: an increment of 0 is an error, and what never came cannot be given back.
    @Test(arguments: [0, 1, 1000] as [UInt32])
    func moreThanWhatCameIsNotGivenBack(_ window: UInt32) throws {
        var options = HTTP2Options()
        options.streamWindow = window
        let peer = try RawPeer(options: options)
        peer.side.consumes = false
        try peer.send(RawFrame.request(1))
        let stream = try #require(peer.side.requests.first).stream
        _ = try peer.frames()
        stream.consume(100_000)
        #expect(try peer.frames().isEmpty)
        try peer.send(RawFrame.make(.data, stream: 1, Array(repeating: 7, count: 600)))
        stream.consume(100_000)
        stream.consume(100_000)
        #expect(try peer.frames(.windowUpdate).map(\.payload) == [RawFrame.bigEndian(600)])
    }

    // MARK: Watermarks

    @Test func aWriterIsToldOnceWhenLittleIsLeftAfterMuchWas() throws {
        let pair = Pair(front: Self.options())
        pair.frontSide.consumes = false
        try pair.run()
        let call = try #require(pair.open(.post, endStream: false))
        #expect(call.stream.isWritable)
        call.stream.write(.pattern(HTTP2Stream.highWatermark))
        #expect(call.stream.isWritable, "the watermark itself is allowed")
        call.stream.write(.pattern(Self.window))
        #expect(!call.stream.isWritable)

        try pair.run()
        let request = try #require(pair.frontSide.requests.first)
        #expect(call.stream.pendingBytes == HTTP2Stream.highWatermark)
        #expect(!call.stream.isWritable, "between the watermarks nothing changes")
        #expect(call.recorder.events.isEmpty)
        while !call.stream.isWritable {
            #expect(call.stream.pendingBytes >= HTTP2Stream.lowWatermark)
            request.stream.consume(1024)
            request.recorder.consumes = false
            try pair.run()
        }
        #expect(call.stream.pendingBytes < HTTP2Stream.lowWatermark)
        #expect(call.recorder.events == [.writable])
    }

    @Test func aWriterMayWriteAgainFromTheCallback() throws {
        let pair = Pair(front: Self.options())
        try pair.run()
        let call = try #require(pair.open(.post, endStream: false))
        let whole = ByteBuffer.pattern(3_000_000)
        var rest = whole
        func fill() {
            while call.stream.isWritable, rest.readableBytes > 0 {
                if let piece = rest.readSlice(length: min(rest.readableBytes, 50_000)) { call.stream.write(piece) }
            }
            if rest.readableBytes == 0 { call.stream.finish(nil) }
        }
        call.recorder.onEvent = { if $0 == .writable { fill() } }
        fill()
        try pair.run()
        #expect(pair.frontSide.requests.first?.recorder.events == [.body(whole), .ended])
    }

    @Test func aStreamThatIsGoneIsNotToldThatItIsWritable() throws {
        let pair = Pair()
        try pair.run()
        let call = try #require(pair.open(.post, endStream: false))
        call.stream.write(.pattern(200_000))
        try pair.run()
        call.stream.reset(.cancel)
        try pair.run()
        #expect(!call.recorder.events.dropFirst(call.recorder.events.count - 1).contains(.writable))
        #expect(call.recorder.closings == 1)
    }

    /// A frame's header may be out, or about to be, when its stream is given up: its bytes still follow.
    @Test func aStreamMayBeResetBetweenTwoPieces() throws {
        for limit in stride(from: 1, through: 40_000, by: 997) {
            let pair = Pair()
            try pair.run()
            let call = try #require(pair.open(.post, endStream: false))
            let other = try #require(pair.open(.post, endStream: false))
            call.stream.write(.pattern(60_000))
            call.stream.finish(["too": "late"])
            var piece = ByteBuffer()
            _ = pair.back.produce(into: &piece, limit: limit)
            call.stream.reset(.cancel)
            try pair.front.receive(piece)
            other.stream.write(.pattern(20_000))
            other.stream.finish(nil)
            try pair.run()
            #expect(call.recorder.events == [.closed(.cancel)], "limit \(limit)")
            #expect(pair.frontSide.requests[0].recorder.events.last == .closed(.cancel), "limit \(limit)")
            #expect(pair.frontSide.requests[1].recorder.events == [.body(.pattern(20_000)), .ended], "limit \(limit)")
        }
    }

    @Test func theLimitOfAPieceIsKeptToWithinAFrame() throws {
        var wide = HTTP2Options()
        wide.streamWindow = 4 * 1024 * 1024
        wide.connectionWindow = 4 * 1024 * 1024
        let pair = Pair(front: wide)
        try pair.run()
        let call = try #require(pair.open(.post, endStream: false))
        let body = ByteBuffer.pattern(1_000_000)
        call.stream.write(body)
        var piece = ByteBuffer()
        var hasMore = true
        while hasMore {
            piece.clear()
            hasMore = pair.back.produce(into: &piece, limit: 100_000)
            #expect(piece.readableBytes < 100_000 + 16_384 + 9)
            #expect(!hasMore || piece.readableBytes >= 100_000)
            try pair.front.receive(piece)
        }
        #expect(pair.frontSide.requests.first?.recorder.events == [.body(body)])
    }
}
