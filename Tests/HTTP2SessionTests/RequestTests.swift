// rtbridge: requests and responses between two sessions.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import HTTP2Session
import NIOCore
import Testing

struct RequestTests {
    @Test(arguments: Cut.all)
    func requestAndResponseArriveWithBodiesAndTrailers(_ cut: Cut) throws {
        let pair = Pair(cut)
        let call = try #require(pair.open(.post, endStream: false))
        call.stream.write(ByteBuffer(string: "Hello, "))
        call.stream.write(ByteBuffer(string: "world"))
        call.stream.finish(["x-checksum": "12"])
        try pair.run()

        let request = try #require(pair.frontSide.requests.first)
        #expect(request.fields == .post)
        #expect(!request.endStream && !request.isTooLarge)
        #expect(
            request.recorder.events == [
                .body(ByteBuffer(string: "Hello, world")), .fields(.trailers, ["x-checksum": "12"]), .ended,
            ])

        request.stream.respond(.ok, endStream: false)
        request.stream.write(ByteBuffer(string: "Hi"))
        request.stream.finish(["grpc-status": "0", "x-note-bin": "AAE="])
        try pair.run()
        #expect(
            call.recorder.events == [
                .fields(.head, .ok), .body(ByteBuffer(string: "Hi")),
                .fields(.trailers, ["grpc-status": "0", "x-note-bin": "AAE="]), .ended, .closed(.noError),
            ])
        #expect(request.recorder.events.last == .closed(.noError))
        #expect(pair.front.streamCount == 0 && pair.back.streamCount == 0)
    }

    /// RFC 9113 §8.3.1: `:scheme` is how this connection is spoken, and not the one that the request came in on.
    @Test func theConnectionSaysTheScheme() throws {
        var options = HTTP2Options()
        options.scheme = "https"
        let pair = Pair(back: options)
        let fields: FieldBlock = [
            ":method": "POST", ":path": "/", ":scheme": "http", ":authority": "a", "scheme": "http",
        ]
        try #require(pair.open(fields) != nil)
        try #require(pair.open(.get) != nil)
        try pair.run()
        let schemes = pair.frontSide.requests.map { $0.fields.string(":scheme") }
        #expect(schemes == ["https", "https"])
        #expect(pair.frontSide.requests.first?.fields.string("scheme") == "http")
    }

    /// gRPC PROTOCOL-HTTP2.md, "Trailers-Only": one HEADERS frame with END_STREAM.
    @Test(arguments: Cut.all)
    func anAnswerOfHeadersAloneSaysItsEndWithThem(_ cut: Cut) throws {
        let pair = Pair(cut)
        let call = try #require(pair.open(.post))
        var hadEnded = false
        call.recorder.onEvent = { event in
            if case .fields = event { hadEnded = call.stream.hasPeerEnded }
        }
        try pair.run()
        let request = try #require(pair.frontSide.requests.first)
        #expect(request.endStream)
        #expect(request.stream.hasPeerEnded)
        #expect(request.recorder.events.isEmpty, "the end of the request came with its head")
        let head: FieldBlock = [":status": "200", "grpc-status": "12"]
        request.stream.respond(head, endStream: true)
        try pair.run()
        #expect(call.recorder.events == [.fields(.head, head), .ended, .closed(.noError)])
        #expect(hadEnded, "whoever reads the head can tell that nothing follows")
    }

    @Test func aResponseMayEndWithoutTrailersAndWithoutBody() throws {
        let pair = Pair()
        let call = try #require(pair.open(.get))
        try pair.run()
        let request = try #require(pair.frontSide.requests.first)
        request.stream.respond(.ok, endStream: false)
        try pair.run()
        #expect(call.recorder.events == [.fields(.head, .ok)])
        request.stream.finish(nil)
        try pair.run()
        #expect(call.recorder.events == [.fields(.head, .ok), .ended, .closed(.noError)])
    }

    @Test func bytesGoOutAsTheyAreWrittenNotAtTheEnd() throws {
        let pair = Pair()
        let call = try #require(pair.open(.post, endStream: false))
        try pair.run()
        let request = try #require(pair.frontSide.requests.first)
        var sent = ByteBuffer()
        for index in 0..<20 {
            let piece = ByteBuffer(repeating: UInt8(index), count: 1 + index * 500)
            sent.writeImmutableBuffer(piece)
            call.stream.write(piece)
            try pair.run()
            #expect(request.recorder.events == [.body(sent)], "piece \(index)")
        }
    }

    @Test func nothingIsSentAfterTheEnd() throws {
        let pair = Pair()
        let call = try #require(pair.open(.post, endStream: false))
        call.stream.write(ByteBuffer(string: "all"))
        call.stream.finish(nil)
        call.stream.write(ByteBuffer(string: "more"))
        call.stream.finish(["too": "late"])
        try pair.run()
        let request = try #require(pair.frontSide.requests.first)
        #expect(request.recorder.events == [.body(ByteBuffer(string: "all")), .ended])
        request.stream.respond(.ok, endStream: true)
        request.stream.respond([":status": "500"], endStream: true)
        request.stream.write(ByteBuffer(string: "more"))
        try pair.run()
        #expect(call.recorder.events == [.fields(.head, .ok), .ended, .closed(.noError)])
    }

    @Test(arguments: Cut.all)
    func manyRequestsAtOnceDoNotMix(_ cut: Cut) throws {
        let pair = Pair(cut)
        pair.frontSide.onRequest = { request in
            request.recorder.onEvent = { event in
                guard event == .ended, let path = request.fields.string(":path") else { return }
                request.stream.respond([":status": "200", "path": path], endStream: false)
                for case .body(let bytes) in request.recorder.events { request.stream.write(bytes) }
                request.stream.finish(["end": path])
            }
        }
        var calls: [(stream: HTTP2Stream, recorder: StreamRecorder)] = []
        for index in 0..<50 {
            var fields = FieldBlock.post
            fields.append("number", "\(index)")
            let call = try #require(pair.open(fields, endStream: false))
            calls.append(call)
        }
        for (index, call) in calls.enumerated() {
            call.stream.write(ByteBuffer(string: "body \(index)"))
            call.stream.finish(nil)
        }
        try pair.run()
        for (index, call) in calls.enumerated() {
            #expect(
                call.recorder.events == [
                    .fields(.head, [":status": "200", "path": "/call"]), .body(ByteBuffer(string: "body \(index)")),
                    .fields(.trailers, ["end": "/call"]), .ended, .closed(.noError),
                ], "call \(index)")
        }
    }

    /// RFC 9110 §15.2: a 1xx response comes before the final one.
    @Test func anInformationalResponseIsNotTheHead() throws {
        let peer = try RawPeer(role: .back)
        let recorder = StreamRecorder()
        let stream = try #require(peer.session.open(.get, endStream: true, delegate: recorder))
        recorder.stream = stream
        _ = try peer.frames()
        try peer.send(
            RawFrame.make(.headers, flags: RawFrame.endHeaders, stream: 1, RawFrame.block([(":status", "103")])))
        try peer.send(
            RawFrame.make(.headers, flags: RawFrame.endHeaders, stream: 1, RawFrame.block([(":status", "200")])))
        #expect(recorder.events == [.fields(.informational, [":status": "103"]), .fields(.head, .ok)])
    }

    @Test func aPingIsAnsweredAndTheAnswerIsTold() throws {
        let pair = Pair(.bytes)
        pair.front.ping()
        try pair.run()
        #expect(pair.frontSide.pingAcknowledgements == 1)
        #expect(pair.backSide.pingAcknowledgements == 0)
    }

    @Test func eachSideHearsOfTheOthersSettings() throws {
        let pair = Pair()
        try pair.run()
        #expect(pair.frontSide.settings == 1 && pair.backSide.settings == 1)
        #expect(pair.back.peerMaxConcurrentStreams == 128)
    }

    /// The owner of a session flushes when it is told to: every command says so.
    @Test func everyCommandSaysThatThereIsOutput() throws {
        let pair = Pair()
        let commands: [(String, (HTTP2Stream) -> Void)] = [
            ("write", { $0.write(ByteBuffer(string: "x")) }), ("finish", { $0.finish(nil) }),
            ("reset", { $0.reset(.cancel) }),
        ]
        for (name, command) in commands {
            try pair.run()
            let before = pair.backSide.outputs
            let call = try #require(pair.open(.post, endStream: false))
            #expect(pair.backSide.outputs > before, "open")
            try pair.run()
            let opened = pair.backSide.outputs
            command(call.stream)
            #expect(pair.backSide.outputs > opened, "\(name)")
            #expect(pair.back.wantsWrite, "\(name)")
            let told = pair.backSide.outputs
            pair.back.ping()
            #expect(pair.backSide.outputs == told, "it is told once for all that is fetched together")
        }
    }
}
