// rtbridge: sessions and streams are freed, and gone streams harm nobody.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import HTTP2Session
import NIOCore
import Testing

struct LifetimeTests {
    @Test func aSessionItsStreamsAndTheirOwnersAreFreed() throws {
        weak var front: HTTP2Session?
        weak var back: HTTP2Session?
        var recorders: [() -> StreamRecorder?] = []
        var streams: [() -> HTTP2Stream?] = []
        try {
            let pair = Pair()
            for index in 0..<6 {
                let call = try #require(pair.open(.post, endStream: false))
                call.stream.write(.pattern(index * 40_000))
                recorders.append({ [weak recorder = call.recorder] in recorder })
                streams.append({ [weak stream = call.stream] in stream })
            }
            try pair.run()
            for request in pair.frontSide.requests.prefix(3) { request.stream.respond(.ok, endStream: true) }
            try pair.run()
            for request in pair.frontSide.requests {
                recorders.append({ [weak recorder = request.recorder] in recorder })
                streams.append({ [weak stream = request.stream] in stream })
            }
            front = pair.front
            back = pair.back
        }()
        #expect(front == nil && back == nil)
        #expect(recorders.allSatisfy { $0() == nil })
        #expect(streams.allSatisfy { $0() == nil })
    }

    @Test func aStreamThatIsClosedIsFreedWhileItsSessionLives() throws {
        let pair = Pair()
        pair.frontSide.keepsRequests = false
        pair.frontSide.onRequest = { $0.stream.respond(.ok, endStream: true) }
        weak var stream: HTTP2Stream?
        weak var recorder: StreamRecorder?
        try {
            let call = try #require(pair.open(.get))
            try pair.run()
            stream = call.stream
            recorder = call.recorder
            #expect(call.recorder.closings == 1)
        }()
        #expect(stream == nil && recorder == nil)
    }

    /// A leg may hold its stream longer than the connection lives.
    @Test func aStreamMayOutliveItsSession() throws {
        var kept: [HTTP2Stream] = []
        try {
            let pair = Pair()
            let call = try #require(pair.open(.post, endStream: false))
            try pair.run()
            kept = [call.stream, try #require(pair.frontSide.requests.first).stream]
        }()
        for stream in kept {
            stream.write(ByteBuffer(string: "x"))
            stream.consume(1)
            stream.finish(nil)
            stream.reset(.cancel)
            #expect(stream.pendingBytes == 0)
        }
    }

    /// Also where nobody said ``HTTP2Session/connectionLost(_:)``.
    @Test func aStreamMayOutliveASessionThatWasSimplyDropped() throws {
        var session: HTTP2Session? = HTTP2Session(role: .back)
        let recorder = StreamRecorder()
        let stream = try #require(session?.open(.post, endStream: false, delegate: recorder))
        session = nil
        stream.write(ByteBuffer(string: "x"))
        stream.finish(nil)
        stream.reset(.cancel)
        #expect(stream.pendingBytes == 0)
    }

    /// A connection may be lost by what its own callbacks do: no stream may be born after that.
    @Test func aSessionThatIsLostFromWithinACallbackTellsNothingMore() throws {
        let peer = try RawPeer()
        peer.side.onRequest = { [weak session = peer.session] _ in session?.connectionLost(.cancel) }
        let body = RawFrame.make(.data, flags: RawFrame.endStream, stream: 1, [1, 2, 3])
        try peer.send(RawFrame.request(1) + body + RawFrame.request(3) + RawFrame.request(5, endStream: true))
        #expect(peer.side.requests.count == 1)
        #expect(peer.side.requests[0].recorder.events == [.closed(.cancel)])
        #expect(peer.session.streamCount == 0)
        #expect(try peer.frames().isEmpty)
    }

    @Test func aSessionThatIsLostWhileItProducesTouchesNoStream() throws {
        let pair = Pair()
        pair.frontSide.keepsRequests = false
        try pair.run()
        for _ in 0..<3 {
            // Nobody but the session holds these streams.
            let recorder = StreamRecorder()
            let stream = try #require(pair.back.open(.post, endStream: false, delegate: recorder))
            stream.write(.pattern(30_000))
        }
        let call = try #require(pair.open(.post, endStream: false))
        call.recorder.onEvent = { _ in pair.back.connectionLost(.connectError) }
        call.stream.reset(.cancel)
        #expect(pair.back.produceAll().readableBytes < 200, "nothing follows the reset")
        #expect(call.recorder.events == [.closed(.cancel, wasNotSent: true)])
        #expect(pair.back.streamCount == 0)
    }
}
