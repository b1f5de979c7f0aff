// rtbridge: what a peer must not be able to do.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import HTTP2Session
import NIOCore
import Testing

struct GuardTests {
    // MARK: Header lists

    /// RFC 9113 §6.5.2: "the uncompressed size of field names and values in units of octets plus an overhead of 32
    /// octets for each field".
    @Test func aHeaderListAtTheLimitPassesAndOneByteMoreIsTooLarge() throws {
        var options = HTTP2Options()
        options.maxHeaderListSize = 1000
        for excess in [0, 1] {
            let peer = try RawPeer(options: options)
            let known = RawFrame.request.reduce(0) { $0 + $1.0.utf8.count + $1.1.utf8.count + 32 }
            let value = String(repeating: "v", count: 1000 - known - 33 + excess)
            let block = RawFrame.block(RawFrame.request + [("x", value)])
            try peer.send(RawFrame.make(.headers, flags: RawFrame.endHeaders, stream: 1, block))
            #expect(peer.side.requests.map(\.isTooLarge) == [excess > 0])
        }
    }

    @Test func aResponseThatIsTooLargeIsMarked() throws {
        var options = HTTP2Options()
        options.maxHeaderListSize = 200
        let peer = try RawPeer(role: .back, options: options)
        let recorder = StreamRecorder()
        _ = try #require(peer.session.open(.get, endStream: true, delegate: recorder))
        _ = try peer.frames()
        let block = RawFrame.block([(":status", "200"), ("x", String(repeating: "v", count: 300))])
        try peer.send(RawFrame.make(.headers, flags: RawFrame.endHeaders, stream: 1, block))
        #expect(recorder.events == [.fields(.head, .ok, isTooLarge: true)])
    }

    /// RFC 9113 §8.3.2: a response has a `:status`; one without is no interim response, however large it is.
    @Test func aResponseThatIsTooLargeAndHasNoStatusIsMalformed() throws {
        var options = HTTP2Options()
        options.maxHeaderListSize = 200
        let peer = try RawPeer(role: .back, options: options)
        let recorder = StreamRecorder()
        _ = try #require(peer.session.open(.get, endStream: true, delegate: recorder))
        _ = try peer.frames()
        let block = RawFrame.block([("x", String(repeating: "v", count: 300)), (":status", "200")])
        try peer.send(RawFrame.make(.headers, flags: RawFrame.endHeaders, stream: 1, block))
        let resets = try peer.frames(.rstStream)
        #expect(resets.map(\.payload) == [RawFrame.bigEndian(HTTP2ErrorCode.protocolError.rawValue)])
        #expect(recorder.events == [.closed(.protocolError)])
    }

    /// After a list that was too large the compression state is still in step (RFC 7541 §2.2), so the next one is read.
    @Test func aListThatIsTooLargeDoesNotHarmTheNextStream() throws {
        var options = HTTP2Options()
        options.maxHeaderListSize = 300
        let pair = Pair(front: options)
        var large = FieldBlock.get
        large.append("x-large", String(repeating: "v", count: 3000))
        _ = try #require(pair.open(large))
        _ = try #require(pair.open(.get))
        try pair.run()
        #expect(pair.frontSide.requests.map(\.isTooLarge) == [true, false])
        #expect(pair.frontSide.requests[1].fields == .get)
    }

    // MARK: Floods

    /// Sends `frame` until the session fails, reading nothing of what it answers.
    /// - Returns: how many frames it took, or nil if it took all of them.
    private func flood(_ peer: RawPeer, limit: Int = 200_000, _ frame: (UInt32) -> [UInt8]) -> Int? {
        for index in 0..<limit {
            do { try peer.send(frame(UInt32(index))) } catch { return index }
            if peer.session.isOver { return index }
        }
        return nil
    }

    /// CVE-2019-9512.
    @Test func pingsWhoseAnswersAreNotReadEndTheSession() throws {
        let peer = try RawPeer()
        let frame = RawFrame.make(.ping, [0, 1, 2, 3, 4, 5, 6, 7])
        let count = try #require(flood(peer) { _ in frame })
        #expect(count <= 2000)
    }

    /// CVE-2019-9515.
    @Test func settingsWhoseAnswersAreNotReadEndTheSession() throws {
        let peer = try RawPeer()
        let count = try #require(flood(peer) { _ in RawFrame.settings() })
        #expect(count <= 2000)
    }

    @Test func settingsOfVeryManyEntriesEndTheSession() throws {
        let peer = try RawPeer()
        #expect(throws: HTTP2SessionError.self) {
            try peer.send(RawFrame.settings((0..<2000).map { _ in (UInt16(0x3), UInt32(100)) }))
            _ = try peer.frames()
            if peer.session.isOver { throw HTTP2SessionError.probe }
        }
    }

    /// CVE-2023-44487, "rapid reset".
    @Test func streamsThatAreOpenedAndResetEndTheSession() throws {
        let peer = try RawPeer()
        var ended: Int?
        for index in 0..<20_000 where ended == nil {
            let id = UInt32(index * 2 + 1)
            try peer.send(
                RawFrame.request(id) + RawFrame.make(.rstStream, stream: id, RawFrame.bigEndian(8)))
            peer.side.forget()
            if try peer.frames(.goaway).count > 0 { ended = index }
        }
        #expect(ended != nil)
        #expect(peer.session.streamCount == 0)
    }

    /// CVE-2024-28182.
    @Test func continuationFramesWithoutEndEndTheSession() throws {
        for payload in [[], RawFrame.block([("x", "y")])] {
            let peer = try RawPeer()
            try peer.send(RawFrame.make(.headers, stream: 1, RawFrame.block(RawFrame.request)))
            let count = try #require(flood(peer) { _ in RawFrame.make(.continuation, stream: 1, payload) })
            #expect(count <= 100)
            #expect(peer.side.requests.isEmpty)
        }
    }

    /// A stream above the limit is refused, and refusals that nobody reads may not pile up.
    @Test func refusalsThatAreNotReadEndTheSession() throws {
        var options = HTTP2Options()
        options.maxConcurrentStreams = 1
        let peer = try RawPeer(options: options)
        let count = try #require(flood(peer) { RawFrame.request($0 * 2 + 1) })
        #expect(count <= 20_000)
        #expect(peer.side.requests.count <= 1)
    }

    /// CVE-2019-9514: requests that are invalid are answered with RST_STREAM each.
    @Test func invalidRequestsWhoseResetsAreNotReadEndTheSession() throws {
        let peer = try RawPeer()
        let block = RawFrame.block([(":method", "GET"), ("UPPER", "case")])
        let count = try #require(
            flood(peer) { index in
                RawFrame.make(.headers, flags: RawFrame.endHeaders, stream: index * 2 + 1, block)
            })
        #expect(count <= 20_000)
        #expect(peer.side.requests.isEmpty)
    }

    /// The same of a peer that reads goes on for ever.
    @Test func pingsWhoseAnswersAreReadAreNoFlood() throws {
        let peer = try RawPeer()
        let frame = RawFrame.make(.ping, [0, 1, 2, 3, 4, 5, 6, 7])
        for _ in 0..<20_000 {
            try peer.send(frame)
            #expect(try peer.frames(.ping).count == 1)
        }
    }

    /// RFC 9113 §6.9.1: a sender "MUST NOT allow a flow-control window to exceed 2^31-1".
    @Test func aWindowThatOverflowsIsAnError() throws {
        let peer = try RawPeer()
        try peer.send(RawFrame.request(1))
        let stream = try #require(peer.side.requests.first)
        try peer.send(RawFrame.make(.windowUpdate, stream: 1, RawFrame.bigEndian(0x7FFF_FFFF)))
        #expect(
            try peer.frames(.rstStream).map(\.payload) == [RawFrame.bigEndian(HTTP2ErrorCode.flowControlError.rawValue)]
        )
        #expect(stream.recorder.events.last == .closed(.flowControlError))
    }

    @Test func aPeerThatIgnoresItsWindowIsCutOff() throws {
        let peer = try RawPeer()
        peer.side.consumes = false
        try peer.send(RawFrame.request(1))
        let frame = RawFrame.make(.data, stream: 1, Array(repeating: 7, count: 16_384))
        _ = flood(peer, limit: 100) { _ in frame }
        #expect(try #require(peer.side.requests.first).recorder.received <= 256 * 1024)
        let frames = try peer.frames()
        let errors = frames.filter {
            $0.kind == RawFrame.Kind.goaway.rawValue || $0.kind == RawFrame.Kind.rstStream.rawValue
        }
        #expect(!errors.isEmpty)
    }

    // MARK: Not HTTP/2

    @Test func whatIsNoPrefaceIsAnError() throws {
        let peer = try RawPeer(greets: false)
        #expect(throws: HTTP2SessionError.self) { try peer.send(Array("GET / HTTP/1.1\r\n\r\n".utf8)) }
        #expect(peer.session.isFailed)
        try peer.send(RawFrame.preface)
        #expect(peer.side.settings == 0, "nothing is read after an error")
    }

    /// RFC 9113 §3.4: the server's first frame is SETTINGS.
    @Test func aBackEndThatSpeaksHTTP1IsAnError() throws {
        let peer = try RawPeer(role: .back, greets: false)
        let recorder = StreamRecorder()
        _ = peer.session.open(.get, endStream: true, delegate: recorder)
        _ = try peer.frames()
        do {
            try peer.send(Array("HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n".utf8))
            _ = try peer.frames()
            #expect(peer.session.isOver)
        } catch {
            #expect(peer.session.isFailed)
        }
        #expect(peer.side.settings == 0)
    }

    /// RFC 9113 §8.4: we say SETTINGS_ENABLE_PUSH = 0.
    @Test func aPushedStreamIsRefusedAndDisturbsNothing() throws {
        let peer = try RawPeer(role: .back)
        let recorder = StreamRecorder()
        _ = try #require(peer.session.open(.get, endStream: true, delegate: recorder))
        _ = try peer.frames()
        let block = RawFrame.block([(":method", "GET"), (":scheme", "http"), (":path", "/"), (":authority", "x")])
        try? peer.send(
            RawFrame.make(.pushPromise, flags: RawFrame.endHeaders, stream: 1, RawFrame.bigEndian(2) + block))
        _ = try? peer.frames()
        #expect(peer.session.isOver || peer.session.streamCount == 1)
        #expect(!recorder.events.contains { if case .fields = $0 { true } else { false } })
    }
}

extension HTTP2SessionError {
    /// Stands for a session that ended by a GOAWAY of its own.
    fileprivate static let probe: HTTP2SessionError = {
        do {
            try RawPeer(greets: false).send(Array("no preface at all, and long enough".utf8))
        } catch let error as HTTP2SessionError {
            return error
        } catch {
            preconditionFailure("\(error)")
        }
        preconditionFailure("no error")
    }()
}
