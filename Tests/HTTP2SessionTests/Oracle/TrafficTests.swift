// rtbridge: a session and libnghttp2 talk to each other.
// SPDX-License-Identifier: Apache-2.0

import CNghttp2
import HTTP2Session
import NIOCore
import Testing

struct TrafficTests {
    private static let seeds = 0..<60 as Range<UInt64>

    /// Windows of all sizes that change on the way, bodies of up to 300 KB, trailers, resets, streams that nobody reads for
    /// a while. libnghttp2 answers a byte beyond a window with FLOW_CONTROL_ERROR.
    @Test(arguments: [HTTP2Role.front, .back], seeds)
    func everythingArrivesToTheByte(_ role: HTTP2Role, _ seed: UInt64) throws {
        let traffic = Traffic(subjectIs: role, seed: seed)
        for _ in 0..<60 { try traffic.round() }
        traffic.changeSettings(65_535)
        try traffic.settle()
        check(traffic)
        #expect(traffic.exchanges.count == 60)
        // It can still be used.
        traffic.open()
        try traffic.settle()
        check(traffic)
        #expect(traffic.exchanges.count == 61)
    }

    /// RFC 9113 §6.8: streams that were taken go on to their ends; no other is opened.
    @Test(arguments: [HTTP2Role.front, .back], seeds)
    func whatWasTakenBeforeAGoawayArrives(_ role: HTTP2Role, _ seed: UInt64) throws {
        let traffic = Traffic(subjectIs: role, seed: 1000 + seed)
        for _ in 0..<20 { try traffic.round() }
        traffic.server.goaway()
        traffic.changeSettings(65_535)
        try traffic.settle()
        check(traffic, isGoing: true)
        #expect(traffic.client.open([]) == nil)
        #expect(traffic.subject.session.isOver)
    }

    private func check(_ traffic: Traffic, isGoing: Bool = false) {
        #expect(traffic.faults.isEmpty)
        #expect(traffic.subject.transcript.goaways.map(\.code).filter { $0 != .noError } == [])
        #expect(traffic.oracle.oracle.goaways.map(\.code).filter { $0 != 0 } == [])
        for (id, exchange) in traffic.exchanges where !exchange.isReset {
            if isGoing, Int32(id) > traffic.lastTaken ?? .max {
                // It came too late, also where it crossed the GOAWAY.
                #expect(exchange.closings.count { $0.hasPrefix("client") } == 1, "stream \(id)")
                continue
            }
            #expect(exchange.responseEnded && exchange.responseLeft.isEmpty, "response \(id)")
            #expect(exchange.responseTrailers == exchange.responseHasTrailers, "response \(id)")
            #expect(exchange.closings.sorted() == ["client closed NO_ERROR", "server closed NO_ERROR"], "stream \(id)")
            guard !exchange.isEarly else { continue }
            #expect(exchange.requestEnded && exchange.requestLeft.isEmpty, "request \(id)")
            #expect(exchange.requestTrailers == exchange.requestHasTrailers, "request \(id)")
        }
        for (id, exchange) in traffic.exchanges where exchange.isReset {
            #expect(exchange.closings.count { $0.hasPrefix("client") } == 1, "stream \(id)")
        }
    }

    /// RFC 9113 §5.1: an idle stream becomes "open" by HEADERS alone, and RST_STREAM on it ends the connection.
    @Test func aRequestThatWaitsMayBeResetTwice() throws {
        var options = HTTP2Options()
        options.maxConcurrentStreams = 1
        let pair = Pair(front: options)
        try pair.run()
        let first = try #require(pair.open(.get))
        let second = try #require(pair.open(.post, endStream: false))
        try pair.run()
        second.stream.reset(.cancel)
        second.stream.reset(.cancel)
        try pair.run()
        #expect(second.recorder.events == [.closed(.cancel, wasNotSent: true)])
        pair.frontSide.requests.first?.stream.respond(.ok, endStream: true)
        try pair.run()
        #expect(first.recorder.events == [.fields(.head, .ok), .ended, .closed(.noError)])
        #expect(pair.backSide.goaways.isEmpty)
    }

    // MARK: Taking turns

    /// RFC 9113 §5.2 leaves the order to the sender: no large body may hold up another.
    @Test(arguments: [HTTP2Role.front, .back], [2, 3, 8])
    func largeBodiesTakeTurns(_ role: HTTP2Role, _ count: Int) throws {
        var row = ConformanceCase(
            "5.2", "", [.settings((RawFrame.Setting.initialWindowSize, 0x7FFF_FFFF)), .windowUpdate(0, 0x7000_0000)])
        row.role = role
        row.calls = Array(repeating: .post, count: count)
        row.allowsRequest = false
        let run = try ConformanceRun(row)
        let ids = (0..<count).map { UInt32($0 * 2 + 1) }
        if role == .front { for id in ids { run.run(.request(id, end: false)) } }
        run.flush()
        for id in ids {
            let stream = try #require(run.transcript.streams[id])
            if role == .front { stream.respond(.ok, endStream: false) }
            stream.write(.pattern(120_000))
            stream.finish(nil)
        }
        run.flush()
        let order = run.frames(.data).filter { !$0.payload.isEmpty }.map(\.stream)
        #expect(Set(order).count == count)
        // As long as all have something to send, none sends again before each other has.
        let shortest = try #require(ids.map { id in order.count { $0 == id } }.min())
        for turn in 0..<shortest - 1 {
            #expect(Set(order[turn * count..<(turn + 1) * count]).count == count, "turn \(turn): \(order)")
        }
    }

    /// A short answer does not wait for a long one.
    @Test func aShortBodyPassesALongOne() throws {
        var row = ConformanceCase(
            "5.2", "", [.settings((RawFrame.Setting.initialWindowSize, 0x7FFF_FFFF)), .windowUpdate(0, 0x7000_0000)])
        row.allowsRequest = false
        let run = try ConformanceRun(row)
        run.run(.request(1))
        run.run(.request(3, end: true))
        run.flush()
        let (long, short) = (run.transcript.streams[1], run.transcript.streams[3])
        long?.respond(.ok, endStream: false)
        long?.write(.pattern(200_000))
        var piece = ByteBuffer()
        #expect(try run.peer.session.produce(into: &piece, limit: 40_000))
        short?.respond(.ok, endStream: false)
        short?.write(.pattern(100))
        short?.finish(nil)
        run.flush()
        let order = run.frames(.data).map(\.stream)
        let place = try #require(order.firstIndex(of: 3))
        #expect(place <= 2, "\(order.prefix(8))")
    }
}
