// rtbridge: how streams and sessions end.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import HTTP2Session
import NIOCore
import Testing

struct EndingTests {
    // MARK: Resets

    @Test(arguments: Cut.all)
    func aResetOfTheBackIsHeardByTheFrontWithItsCode(_ cut: Cut) throws {
        let pair = Pair(cut)
        let call = try #require(pair.open(.post, endStream: false))
        try pair.run()
        call.stream.write(ByteBuffer(string: "never sent"))
        call.stream.reset(.cancel)
        try pair.run()
        #expect(pair.frontSide.requests.first?.recorder.events == [.closed(.cancel)])
        #expect(call.recorder.events == [.closed(.cancel)])
    }

    @Test(arguments: [HTTP2ErrorCode.internalError, .cancel, .enhanceYourCalm, .init(rawValue: 0xABCD)])
    func aResetOfTheFrontIsHeardByTheBackWithItsCode(_ code: HTTP2ErrorCode) throws {
        let pair = Pair()
        let call = try #require(pair.open(.post, endStream: false))
        try pair.run()
        let request = try #require(pair.frontSide.requests.first)
        request.stream.respond(.ok, endStream: false)
        try pair.run()
        request.stream.reset(code)
        try pair.run()
        #expect(call.recorder.events == [.fields(.head, .ok), .closed(code)])
        #expect(request.recorder.events == [.closed(code)])
    }

    @Test func aStreamMayBeResetBeforeItsHeadersWereSent() throws {
        let pair = Pair()
        let call = try #require(pair.open(.post, endStream: false))
        call.stream.write(ByteBuffer(string: "x"))
        call.stream.reset(.cancel)
        try pair.run()
        #expect(call.recorder.events == [.closed(.cancel, wasNotSent: true)])
        #expect(pair.frontSide.requests.isEmpty)
        #expect(pair.back.streamCount == 0)
        let next = try #require(pair.open(.get))
        try pair.run()
        #expect(pair.frontSide.requests.count == 1)
        #expect(next.recorder.events.isEmpty)
    }

    /// RFC 9113 §5.1: a stream that both sides have ended is closed; there is nothing left to reset. A RST_STREAM a
    /// call would look like the flood that peers guard against (CVE-2023-44487).
    @Test func aStreamThatBothSidesHaveEndedIsNotReset() throws {
        let peer = try RawPeer(role: .back)
        let recorder = StreamRecorder()
        let stream = try #require(peer.session.open(.post, endStream: true, delegate: recorder))
        recorder.onEvent = { if $0 == .ended { stream.reset(.cancel) } }
        _ = try peer.frames()
        let answer = RawFrame.make(
            .headers, flags: RawFrame.endHeaders | RawFrame.endStream, stream: 1, RawFrame.block([(":status", "200")]))
        try peer.send(answer)
        #expect(recorder.events == [.fields(.head, .ok), .ended, .closed(.noError)])
        #expect(try peer.frames(.rstStream).isEmpty)
    }

    @Test func aStreamWhoseEndWasNotSentYetIsReset() throws {
        let peer = try RawPeer(role: .back)
        let recorder = StreamRecorder()
        let stream = try #require(peer.session.open(.post, endStream: false, delegate: recorder))
        recorder.onEvent = { event in
            guard event == .ended else { return }
            stream.finish(nil)
            stream.reset(.cancel)
        }
        _ = try peer.frames()
        let answer = RawFrame.make(
            .headers, flags: RawFrame.endHeaders | RawFrame.endStream, stream: 1, RawFrame.block([(":status", "200")]))
        try peer.send(answer)
        let resets = try peer.frames(.rstStream)
        #expect(resets.map(\.payload) == [RawFrame.bigEndian(HTTP2ErrorCode.cancel.rawValue)])
        #expect(recorder.events.last == .closed(.cancel))
    }

    /// RFC 9113 §8.1: "a server MAY request that the client abort transmission of a request without error by sending a
    /// RST_STREAM with an error code of NO_ERROR after sending a complete response".
    @Test func anAnswerBeforeTheRequestEndedIsCompleteAndThenResetWithNoError() throws {
        let pair = Pair()
        let call = try #require(pair.open(.post, endStream: false))
        call.stream.write(ByteBuffer(string: "beginning"))
        try pair.run()
        let request = try #require(pair.frontSide.requests.first)
        request.stream.respond(.ok, endStream: false)
        request.stream.write(ByteBuffer(string: "enough"))
        request.stream.finish(["grpc-status": "0"])
        try pair.run()
        #expect(
            call.recorder.events == [
                .fields(.head, .ok), .body(ByteBuffer(string: "enough")), .fields(.trailers, ["grpc-status": "0"]),
                .ended, .closed(.noError),
            ])
        #expect(request.recorder.events.last == .closed(.noError))
    }

    @Test func anAnswerAfterTheRequestEndedIsNotFollowedByAReset() throws {
        let peer = try RawPeer()
        peer.side.onRequest = { $0.stream.respond(.ok, endStream: true) }
        try peer.send(RawFrame.request(1, endStream: true))
        #expect(try peer.frames(.rstStream).isEmpty)
        try peer.send(RawFrame.request(3))
        #expect(try peer.frames(.rstStream).map(\.payload) == [[0, 0, 0, 0]])
    }

    /// An answer that is not sent (64 KiB of fields is the bound) must not leave the peer waiting.
    @Test(arguments: [false, true])
    func anAnswerThatCannotBeSentResetsTheStream(_ inTrailers: Bool) throws {
        let pair = Pair()
        var large = inTrailers ? FieldBlock() : FieldBlock.ok
        for index in 0..<40 { large.append("x-\(index)", String(repeating: "v", count: 4000)) }
        let call = try #require(pair.open(.get))
        try pair.run()
        let request = try #require(pair.frontSide.requests.first)
        request.stream.respond(inTrailers ? .ok : large, endStream: false)
        request.stream.write(ByteBuffer(string: "body"))
        request.stream.finish(inTrailers ? large : nil)
        try pair.run()
        #expect(call.recorder.events.last == .closed(.internalError))
        #expect(pair.front.streamCount == 0 && pair.back.streamCount == 0)
    }

    // MARK: GOAWAY and limits

    @Test func streamsAboveGoawaysLastAreToldThatTheyWereNotSent() throws {
        let pair = Pair()
        try pair.run()
        let taken = try #require(pair.open(.post))
        try pair.run()
        let late = try #require(pair.open(.post))
        pair.front.goaway(.noError)
        try pair.move(from: pair.front, to: pair.back)
        try pair.run()
        #expect(pair.backSide.goaways == [1])
        #expect(late.recorder.closings == 1)
        if case .closed(_, let wasNotSent)? = late.recorder.events.last { #expect(wasNotSent) }
        #expect(taken.recorder.events.isEmpty, "a stream in flight goes on")
        #expect(pair.open(.get) == nil, "no new stream after GOAWAY")

        pair.frontSide.requests[0].stream.respond(.ok, endStream: true)
        try pair.run()
        #expect(taken.recorder.events == [.fields(.head, .ok), .ended, .closed(.noError)])
        #expect(pair.back.isOver && pair.front.isOver)
    }

    @Test func aStreamThatWaitsBehindTheLimitIsNotSentWhenGoawayComes() throws {
        var options = HTTP2Options()
        options.maxConcurrentStreams = 1
        let pair = Pair(front: options)
        try pair.run()
        let first = try #require(pair.open(.post))
        let second = try #require(pair.open(.post))
        try pair.run()
        pair.front.goaway(.noError)
        try pair.run()
        #expect(first.recorder.events.isEmpty)
        pair.frontSide.requests[0].stream.respond(.ok, endStream: true)
        try pair.run()
        #expect(pair.frontSide.requests.count == 1)
        #expect(first.recorder.closings == 1 && second.recorder.closings == 1)
        if case .closed(_, let wasNotSent)? = second.recorder.events.last { #expect(wasNotSent) }
    }

    @Test func aGracefulEndTakesStreamsUntilItsSecondGoaway() throws {
        let pair = Pair()
        let call = try #require(pair.open(.get))
        try pair.run()
        // Under way when the first GOAWAY is.
        let crossing = try #require(pair.open(.get))
        let request = pair.back.produceAll()
        pair.front.announceShutdown()
        pair.front.ping()
        try pair.move(from: pair.front, to: pair.back)
        try pair.front.receive(request)
        try pair.run()
        #expect(pair.backSide.goaways == [Int32.max])
        #expect(pair.frontSide.pingAcknowledgements == 1)
        pair.front.goaway(.noError)
        try pair.run()
        #expect(pair.backSide.goaways == [Int32.max, 3])
        for request in pair.frontSide.requests { request.stream.respond(.ok, endStream: true) }
        try pair.run()
        for call in [call, crossing] {
            #expect(call.recorder.events == [.fields(.head, .ok), .ended, .closed(.noError)])
        }
        #expect(pair.front.isOver && pair.back.isOver)
    }

    @Test func aStreamThatIsRefusedWasNotSent() throws {
        let pair = Pair()
        let call = try #require(pair.open(.post, endStream: false))
        try pair.run()
        pair.frontSide.requests[0].stream.reset(.refusedStream)
        try pair.run()
        #expect(call.recorder.events == [.closed(.refusedStream, wasNotSent: true)])
    }

    @Test func streamsAboveTheLimitWaitForTheirTurn() throws {
        var options = HTTP2Options()
        options.maxConcurrentStreams = 3
        let pair = Pair(front: options)
        try pair.run()
        #expect(pair.back.peerMaxConcurrentStreams == 3)
        let calls = try (0..<8).map { _ in try #require(pair.open(.get)) }
        try pair.run()
        #expect(pair.frontSide.requests.count == 3)
        #expect(pair.front.streamCount == 3)
        var answered = 0
        while answered < pair.frontSide.requests.count {
            pair.frontSide.requests[answered].stream.respond(.ok, endStream: true)
            answered += 1
            try pair.run()
            #expect(pair.front.streamCount <= 3)
        }
        #expect(calls.allSatisfy { $0.recorder.events == [.fields(.head, .ok), .ended, .closed(.noError)] })
    }

    /// RFC 9113 §5.1.2: "Endpoints MUST NOT exceed the limit set by their peer".
    @Test func aLimitThatBecomesLowerBeforeStreamsAreSentHoldsThemBack() throws {
        let peer = try RawPeer(role: .back)
        _ = try peer.frames()
        let recorders = try (0..<5).map { _ in
            let recorder = StreamRecorder()
            _ = try #require(peer.session.open(.get, endStream: true, delegate: recorder))
            return recorder
        }
        try peer.send(RawFrame.settings([(3, 2)]))
        #expect(try peer.frames(.headers).map(\.stream) == [1, 3])
        let answer = { (stream: UInt32) in
            RawFrame.make(
                .headers, flags: RawFrame.endHeaders | RawFrame.endStream, stream: stream,
                RawFrame.block([(":status", "200")]))
        }
        try peer.send(answer(1))
        #expect(try peer.frames(.headers).map(\.stream) == [5])
        try peer.send(RawFrame.settings([(3, 100)]))
        #expect(try peer.frames(.headers).map(\.stream) == [7, 9])
        for stream: UInt32 in [9, 3, 7, 5] { try peer.send(answer(stream)) }
        #expect(recorders.allSatisfy { $0.events == [.fields(.head, .ok), .ended, .closed(.noError)] })
    }

    /// RFC 9113 §5.1: what has not been sent is idle, and frames on it are a connection error.
    @Test(arguments: [RawFrame.Kind.headers, .data, .windowUpdate, .rstStream])
    func whoAnswersARequestThatStillWaitsEndsTheConnection(_ kind: RawFrame.Kind) throws {
        let peer = try RawPeer(role: .back)
        try peer.send(RawFrame.settings([(3, 1)]))
        let recorders = [StreamRecorder(), StreamRecorder()]
        for recorder in recorders {
            _ = try #require(peer.session.open(.get, endStream: true, delegate: recorder))
        }
        #expect(try peer.frames(.headers).map(\.stream) == [1])
        let payload = kind == .headers ? RawFrame.block([(":status", "200")]) : RawFrame.bigEndian(1)
        let flags = kind == .headers ? RawFrame.endHeaders : 0
        try peer.send(RawFrame.make(kind, flags: flags, stream: 3, payload))
        let codes = try peer.frames(.goaway).map { Array($0.payload[4..<8]) }
        #expect(codes == [RawFrame.bigEndian(HTTP2ErrorCode.protocolError.rawValue)])
        #expect(peer.session.isOver)
        peer.session.connectionLost(.connectError)
        #expect(recorders[0].events == [.closed(.connectError)])
        #expect(recorders[1].events == [.closed(.connectError, wasNotSent: true)])
    }

    @Test func terminatingTellsThePeerWhy() throws {
        let pair = Pair()
        let call = try #require(pair.open(.post, endStream: false))
        try pair.run()
        pair.front.terminate(.enhanceYourCalm)
        try pair.run()
        #expect(pair.backSide.goawayCodes == [.enhanceYourCalm])
        #expect(pair.front.isOver)
        #expect(call.recorder.closings == 0, "the connection's loss says the rest")
    }

    // MARK: Loss

    @Test func aLostConnectionClosesEveryStreamOnce() throws {
        let pair = Pair()
        var calls = try (0..<5).map { _ in try #require(pair.open(.post, endStream: false)) }
        try pair.run()
        calls.append(try #require(pair.open(.post, endStream: false)))
        calls[0].stream.write(.pattern(1_000_000))
        calls[1].stream.finish(nil)
        calls[2].stream.reset(.cancel)
        // What a closing stream's owner does must not disturb the closing of the others.
        calls[3].recorder.onEvent = { _ in for call in calls { call.stream.reset(.cancel) } }
        pair.back.connectionLost(.connectError)
        pair.back.connectionLost(.connectError)
        pair.front.connectionLost(.cancel)
        for (index, call) in calls.enumerated() {
            // The last one had not left yet.
            #expect(call.recorder.events == [.closed(.connectError, wasNotSent: index == 5)], "call \(index)")
        }
        #expect(pair.frontSide.requests.map(\.recorder.closings) == Array(repeating: 1, count: 5))
        #expect(pair.back.streamCount == 0 && pair.front.streamCount == 0)
        #expect(pair.back.produceAll().readableBytes == 0)
        #expect(pair.open(.get) == nil)
    }

    @Test func commandsOnAStreamThatIsGoneDoNothing() throws {
        let pair = Pair()
        let call = try #require(pair.open(.post, endStream: false))
        try pair.run()
        pair.back.connectionLost(.connectError)
        call.stream.write(ByteBuffer(string: "x"))
        call.stream.consume(100)
        call.stream.finish(nil)
        call.stream.respond(.ok, endStream: true)
        call.stream.reset(.cancel)
        #expect(call.stream.pendingBytes == 0)
        #expect(call.recorder.events == [.closed(.connectError)])
    }
}
