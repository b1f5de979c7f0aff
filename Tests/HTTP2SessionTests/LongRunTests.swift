// rtbridge: sessions that live long.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import HTTP2Session
import NIOCore
import Testing

struct LongRunTests {
    /// With 64 KiB windows, whatever is not given back stops everything within the first dozens of requests.
    @Test func twentyThousandRequestsOnOneSessionKeepGoing() throws {
        var options = HTTP2Options()
        options.streamWindow = 64 * 1024
        options.connectionWindow = 64 * 1024
        let pair = Pair(front: options, back: options)
        pair.frontSide.keepsRequests = false
        let body = ByteBuffer.pattern(1500)
        let answer = ByteBuffer.pattern(2500)
        pair.frontSide.onRequest = { request in
            request.recorder.onEvent = { event in
                guard event == .ended else { return }
                #expect(request.recorder.events == [.body(body), .ended])
                request.stream.respond(.ok, endStream: false)
                request.stream.write(answer)
                request.stream.finish(["grpc-status": "0"])
            }
        }
        for index in 0..<20_000 {
            let call = try #require(pair.open(.post, endStream: false))
            call.stream.write(body)
            call.stream.finish(nil)
            try pair.run()
            let isWhole =
                call.recorder.events == [
                    .fields(.head, .ok), .body(answer), .fields(.trailers, ["grpc-status": "0"]), .ended,
                    .closed(.noError),
                ]
            try #require(isWhole, "request \(index)")
        }
        #expect(pair.front.streamCount == 0 && pair.back.streamCount == 0)
    }

    /// Half of the calls are given up at some point, from either side, while bytes are under way.
    @Test func callsThatAreGivenUpDoNotWearTheSessionOut() throws {
        var options = HTTP2Options()
        options.streamWindow = 64 * 1024
        options.connectionWindow = 64 * 1024
        let pair = Pair(front: options, back: options)
        pair.frontSide.keepsRequests = false
        var random = SplitMix(seed: 42)
        var answered: [HTTP2Stream] = []
        pair.frontSide.onRequest = { request in
            request.recorder.consumes = false
            request.stream.respond(.ok, endStream: false)
            request.stream.write(.pattern(30_000))
            answered.append(request.stream)
        }
        // Fewer than what is taken for a flood of resets.
        for round in 0..<800 {
            let call = try #require(pair.open(.post, endStream: false, consumes: false))
            call.stream.write(.pattern(Int.random(in: 0...40_000, using: &random)))
            if Bool.random(using: &random) { try pair.move(from: pair.back, to: pair.front) }
            if Bool.random(using: &random) { try pair.move(from: pair.front, to: pair.back) }
            if Bool.random(using: &random) {
                call.stream.reset(.cancel)
            } else {
                try pair.move(from: pair.back, to: pair.front)
                answered.last?.reset(.internalError)
            }
            try pair.run()
            try #require(call.recorder.closings == 1, "round \(round), seed 42")
            answered.removeAll()
        }
        let body = ByteBuffer.pattern(60_000)
        let call = try #require(pair.open(.post, endStream: false))
        call.stream.write(body)
        try pair.run()
        #expect(call.stream.pendingBytes == 0)
        #expect(call.recorder.received == 30_000)
    }
}
