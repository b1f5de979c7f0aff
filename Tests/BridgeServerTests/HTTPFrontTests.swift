// rtbridge: plain HTTP requests of clients, over both versions.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeWire
import NIOCore
import Testing

@testable import BridgeCore
@testable import BridgeServer

struct HTTPFrontTests {
    private static func request(
        _ line: String = "GET /site HTTP/1.1", _ fields: String = "", host: String = "host: h\r\n", body: String = ""
    ) -> String { "\(line)\r\n\(host)\(fields)\r\n\(body)" }

    private static func field(_ leg: ScriptedBack, _ name: String) -> [String] {
        leg.exchange?.request.pairs.filter { $0.name == name }.map(\.value) ?? []
    }

    // MARK: The request

    /// RFC 9110 §7.6.1: what `Connection` names goes no further.
    @Test func aRequestGoesOnWithoutWhatIsForTheNextHop() throws {
        let bench = try FrontBench()
        let fields =
            "accept: a/b\r\nconnection: x-hop, keep-alive\r\nx-hop: 1\r\nkeep-alive: 5\r\nte: trailers, gzip\r\n"
            + "proxy-connection: x\r\nx-end: 2\r\n"
        try bench.send(Self.request("GET /site/a%20b?c=d HTTP/1.1", fields))
        let leg = bench.back.legs[0]
        #expect(leg.isFinished)
        let pairs = leg.exchange?.request.pairs.map { "\($0.name): \($0.value)" } ?? []
        #expect(
            pairs == [
                ":method: GET", ":path: /site/a%20b?c=d", ":authority: h", "accept: a/b", "x-end: 2", "te: trailers",
                "x-forwarded-for: 198.51.100.1", "x-forwarded-proto: http", "x-forwarded-host: h",
                "forwarded: for=198.51.100.1;host=h;proto=http",
            ])
    }

    @Test(arguments: [
        (HTTPOptions.Forwarded.append, ["10.0.0.1, 198.51.100.1"]), (.replace, ["198.51.100.1"]), (.off, ["10.0.0.1"]),
    ])
    func whatTheBackEndIsToldOfTheClientIsTheRoutesChoice(_ option: HTTPOptions.Forwarded, _ value: [String]) throws {
        let bench = try FrontBench(route: { $0.http.forwarded = option })
        try bench.send(Self.request("GET /site HTTP/1.1", "x-forwarded-for: 10.0.0.1\r\n"))
        #expect(Self.field(bench.back.legs[0], "x-forwarded-for") == value)
    }

    @Test func bodyAndTrailersGoOnAsTheyCome() throws {
        let bench = try FrontBench()
        try bench.send(Self.request("POST /site HTTP/1.1", "transfer-encoding: chunked\r\n", body: "3\r\nabc\r\n"))
        let leg = bench.back.legs[0]
        #expect(leg.received == ByteBuffer(string: "abc") && !leg.isFinished)
        try bench.send("2\r\nde\r\n0\r\nx-sum: 5\r\nhost: evil\r\ncookie: a=b\r\n\r\n")
        #expect(leg.received == ByteBuffer(string: "abcde") && leg.isFinished)
        #expect(leg.trailers == FieldBlock(["x-sum": "5"]))
    }

    @Test func aClientIsLetInNoFurtherThanTheBackEndTakes() throws {
        let bench = try FrontBench()
        bench.back.onOpen = { back in
            back.isWritable = false
            back.exchange?.backReady()
        }
        try bench.send(Self.request("POST /site HTTP/1.1", "content-length: 1000000\r\n"))
        try bench.send(String(repeating: "x", count: 70_000))
        #expect(!bench.isReading)
        let leg = bench.back.legs[0]
        leg.isWritable = true
        leg.exchange?.backWritable()
        bench.loop.run()
        #expect(bench.isReading)
    }

    /// RFC 9110 §10.1.1: the expectation goes to the origin server, and its answer comes back.
    @Test func the100IsTheBackEndsToGive() throws {
        let bench = try FrontBench()
        try bench.send(
            Self.request("PUT /site HTTP/1.1", "expect: 100-continue\r\ncontent-length: 2\r\n"))
        let leg = bench.back.legs[0]
        #expect(try bench.receive().readableBytes == 0)
        #expect(Self.field(leg, "expect") == ["100-continue"])
        leg.exchange?.backInformed(FieldBlock([":status": "100"]))
        #expect(String(buffer: try bench.receive()) == "HTTP/1.1 100 Continue\r\n\r\n")
        try bench.send("ok")
        leg.exchange?.backOpened(FieldBlock([":status": "201", "content-length": "0"]))
        leg.exchange?.backEnded()
        #expect(try bench.answers().map(\.status) == [201])
        #expect(bench.isOpen)
    }

    // MARK: The answer

    /// RFC 9110 §6.4.1, and §8.6 for the length.
    @Test(arguments: [("HEAD", "200"), ("GET", "304"), ("GET", "204")])
    func anAnswerWithoutContentIsOverWithItsHead(_ method: String, _ status: String) throws {
        let bench = try FrontBench()
        try bench.send(Self.request("\(method) /site HTTP/1.1"))
        let leg = bench.back.legs[0]
        var head = FieldBlock([":status": status, "etag": "x"])
        if status != "204" { head.append("content-length", "5".utf8) }
        leg.exchange?.backOpened(head)
        leg.exchange?.backEnded()
        let text = String(buffer: try bench.receive())
        #expect(text.hasSuffix("\r\n\r\n") && !text.contains("transfer-encoding"))
        #expect(text.contains("content-length: 5\r\n") == (status != "204"))
        try bench.send(Self.request())
        #expect(bench.back.legs.count == 2, "the connection goes on")
    }

    @Test func anAnswersPiecesLeaveAtOnceAndItsTrailersAtTheEnd() throws {
        let bench = try FrontBench()
        try bench.send(Self.request())
        let leg = bench.back.legs[0]
        leg.exchange?.backOpened(FieldBlock([":status": "200", "connection": "x-a", "x-a": "1", "keep-alive": "2"]))
        let head = String(buffer: try bench.receive())
        #expect(head == "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        leg.exchange?.backBody(ByteBuffer(string: "data: 1\n\n"))
        #expect(String(buffer: try bench.receive()) == "9\r\ndata: 1\n\n\r\n")
        leg.exchange?.backEnded(FieldBlock(["x-sum": "1", "transfer-encoding": "chunked"]))
        #expect(String(buffer: try bench.receive()) == "0\r\nx-sum: 1\r\n\r\n")
    }

    @Test func aClientThatReadsNothingStopsTheBackEnd() throws {
        let bench = try FrontBench()
        try bench.send(Self.request())
        let leg = bench.back.legs[0]
        leg.exchange?.backOpened(FieldBlock([":status": "200"]))
        bench.loop.run()
        bench.channel.isWritable = false
        bench.channel.pipeline.fireChannelWritabilityChanged()
        leg.exchange?.backBody(ByteBuffer(repeating: 1, count: 200_000))
        bench.loop.run()
        #expect(leg.takenCount == 0)
        bench.channel.isWritable = true
        bench.channel.pipeline.fireChannelWritabilityChanged()
        #expect(leg.takenCount == 1)
    }

    @Test func anAnswerMayComeBeforeTheRequestIsOver() throws {
        let bench = try FrontBench()
        try bench.send(Self.request("POST /site HTTP/1.1", "content-length: 1000\r\n", body: "a"))
        let leg = bench.back.legs[0]
        leg.exchange?.backOpened(FieldBlock([":status": "413", "content-length": "0"]))
        leg.exchange?.backEnded()
        let answers = try bench.answers()
        #expect(answers.map(\.status) == [413] && answers[0]["connection"] == "close")
        #expect(leg.end == .detached)
    }

    @Test func aClientThatLeavesCancelsTheRequest() throws {
        let bench = try FrontBench()
        try bench.send(Self.request())
        bench.disconnect()
        #expect(bench.back.legs[0].end == .cancelled)
    }

    // MARK: Failures

    @Test(arguments: [
        (Failure(.connectFailed, .back, .connect, "connection refused", address: "a:1"), 502),
        (Failure(.connectTimeout, .back, .connect, "no answer"), 504),
        (Failure(.overloaded, .bridge, .connect, "full"), 503),
        (Failure(.protocolViolation, .back, .headers, "the answer breaks HTTP/1.1: x"), 502),
    ])
    func aFailureBeforeTheAnswerSaysWhy(_ failure: Failure, _ status: Int) throws {
        let bench = try FrontBench()
        try bench.send(Self.request())
        bench.back.legs[0].exchange?.backFailed(failure)
        let answers = try bench.answers()
        #expect(answers.map(\.status) == [status])
        let text = String(decoding: answers[0].body, as: UTF8.self)
        #expect(text.hasPrefix("route site: ") && text.contains(failure.reason))
        #expect(bench.isOpen)
    }

    @Test func aBriefRouteSaysTheKindAlone() throws {
        let bench = try FrontBench(route: { $0.errorDetail = .brief })
        try bench.send(Self.request())
        bench.back.legs[0].exchange?.backFailed(Failure(.connectFailed, .back, .connect, "secret", address: "a:1"))
        #expect(String(decoding: try bench.answers()[0].body, as: UTF8.self) == "connect failed\n")
    }

    @Test func anAnswerThatBreaksOffIsNotEndedAsIfItWereWhole() throws {
        let bench = try FrontBench()
        try bench.send(Self.request())
        let leg = bench.back.legs[0]
        leg.exchange?.backOpened(FieldBlock([":status": "200"]))
        leg.exchange?.backBody(ByteBuffer(string: "half"))
        leg.exchange?.backFailed(Failure(.connectionLost, .back, .body, "gone"))
        #expect(!(String(buffer: try bench.receive()).hasSuffix("0\r\n\r\n")) && !bench.isOpen)
    }

    @Test func aDeadlineIsNamedByItsKey() throws {
        let bench = try FrontBench(route: { $0.timeouts.deadline = .seconds(3) })
        try bench.send(Self.request())
        bench.pass(.seconds(4))
        let answers = try bench.answers()
        #expect(answers.map(\.status) == [504])
        #expect(String(decoding: answers[0].body, as: UTF8.self).contains("timeouts.deadline"))
    }

    // MARK: Smuggling

    /// Requests that two readers might read in two ways: refused, and nothing behind them is read.
    @Test(arguments: [
        // RFC 9112 §6.3: a length beside a transfer coding.
        Self.request("POST /site HTTP/1.1", "content-length: 4\r\ntransfer-encoding: chunked\r\n", body: "0\r\n\r\n"),
        Self.request("POST /site HTTP/1.1", "transfer-encoding: chunked\r\ncontent-length: 4\r\n", body: "0\r\n\r\n"),
        Self.request("POST /site HTTP/1.1", "content-length: 4\r\ncontent-length: 5\r\n", body: "abcd"),
        Self.request("POST /site HTTP/1.1", "content-length: 4\r\ncontent-length: 4\r\n", body: "abcd"),
        Self.request("POST /site HTTP/1.1", "content-length: 4, 4\r\n", body: "abcd"),
        Self.request("POST /site HTTP/1.1", "content-length: +4\r\n", body: "abcd"),
        Self.request("POST /site HTTP/1.1", "content-length: 0x4\r\n", body: "abcd"),
        Self.request("POST /site HTTP/1.1", "content-length: -1\r\n", body: "abcd"),
        Self.request("POST /site HTTP/1.1", "content-length : 4\r\n", body: "abcd"),
        // RFC 9112 §6.1: codings that are not chunked alone, or are not spelt so.
        Self.request("POST /site HTTP/1.1", "transfer-encoding: xchunked\r\n", body: "0\r\n\r\n"),
        Self.request("POST /site HTTP/1.1", "transfer-encoding: chunked, identity\r\n", body: "0\r\n\r\n"),
        Self.request("POST /site HTTP/1.1", "transfer-encoding: gzip, chunked\r\n", body: "0\r\n\r\n"),
        Self.request(
            "POST /site HTTP/1.1", "transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n", body: "0\r\n\r\n"),
        Self.request("POST /site HTTP/1.1", "transfer-encoding : chunked\r\n", body: "0\r\n\r\n"),
        Self.request("POST /site HTTP/1.1", "transfer-encoding:\u{b}chunked\r\n", body: "0\r\n\r\n"),
        Self.request("POST /site HTTP/1.1", "transfer-encoding: \"chunked\"\r\n", body: "0\r\n\r\n"),
        Self.request("POST /site HTTP/1.1", "x: y\r\n transfer-encoding: chunked\r\n", body: "0\r\n\r\n"),
        Self.request("POST /site HTTP/1.0", "transfer-encoding: chunked\r\n", body: "0\r\n\r\n"),
        // RFC 9112 §7.1: sizes of chunks.
        Self.request("POST /site HTTP/1.1", "transfer-encoding: chunked\r\n", body: "0x3\r\nabc\r\n0\r\n\r\n"),
        Self.request("POST /site HTTP/1.1", "transfer-encoding: chunked\r\n", body: "3 \r\nabc\r\n0\r\n\r\n"),
        Self.request("POST /site HTTP/1.1", "transfer-encoding: chunked\r\n", body: "-3\r\nabc\r\n0\r\n\r\n"),
        Self.request("POST /site HTTP/1.1", "transfer-encoding: chunked\r\n", body: "3\r\nabcd\r\n0\r\n\r\n"),
        Self.request("POST /site HTTP/1.1", "transfer-encoding: chunked\r\n", body: "3\nabc\n0\n\n"),
        Self.request(
            "POST /site HTTP/1.1", "transfer-encoding: chunked\r\n", body: "10000000000000003\r\nabc\r\n0\r\n\r\n"),
        // RFC 9112 §2.2: line ends; §5.2: folded lines.
        "GET /site HTTP/1.1\nhost: h\n\n", "GET /site HTTP/1.1\r\nhost: h\nx: y\r\n\r\n",
        "GET /site HTTP/1.1\r\nhost: h\r\nx: a\r\n b\r\n\r\n", "GET /site HTTP/1.1\rhost: h\r\r",
        // RFC 9112 §3.2: hosts.
        Self.request("GET /site HTTP/1.1", host: ""), Self.request("GET /site HTTP/1.1", "host: i\r\n"),
        Self.request("GET http://other/site HTTP/1.1"), Self.request("GET http://u@h/site HTTP/1.1"),
        Self.request("GET site HTTP/1.1"), Self.request("GET /site HTTP/1.1", host: "host: h x\r\n"),
        Self.request("GET /si te HTTP/1.1"), Self.request("GET /site HTTP/2.0"), Self.request("GE(T /site HTTP/1.1"),
        "GET /site HTTP/1.1\r\nhost: h\r\n: x\r\n\r\n", "GET /site HTTP/1.1\r\nhost: h\r\nx\0: y\r\n\r\n",
    ])
    func aRequestThatMightBeReadInTwoWaysIsRefusedAndTheConnectionClosed(_ text: String) throws {
        let bench = try FrontBench()
        try bench.send(text + "GET /site/smuggled HTTP/1.1\r\nhost: h\r\n\r\n")
        let answers = try bench.answers()
        #expect(answers.map(\.status) == [400])
        #expect(answers.first?["connection"] == "close")
        #expect(bench.back.legs.allSatisfy { $0.end != nil && !$0.isFinished })
        #expect(!bench.back.legs.contains { Self.field($0, ":path") == ["/site/smuggled"] })
        bench.pass(.seconds(3))
        #expect(!bench.isOpen)
    }

    /// RFC 9112 §3.2.2: the absolute form is taken where both hosts are the same.
    @Test func theAbsoluteFormOfTheSameHostIsTaken() throws {
        let bench = try FrontBench()
        try bench.send(Self.request("GET http://H/site?x HTTP/1.1"))
        #expect(Self.field(bench.back.legs[0], ":path") == ["/site?x"])
    }

    @Test(arguments: ["CONNECT h:1 HTTP/1.1", "TRACE /site HTTP/1.1"])
    func methodsThatAreNotPassedOnAreRefused(_ line: String) throws {
        let bench = try FrontBench()
        try bench.send(Self.request(line))
        #expect([400, 404, 405].contains(try bench.answers().first?.status ?? 0) && bench.back.legs.isEmpty)
    }

    // MARK: Beside other protocols

    @Test func anUpgradeThatNoRouteTakesIsRefused() throws {
        let bench = try FrontBench()
        try bench.send(HTTP1Request.upgrade.replacing("/ws", with: "/site"))
        #expect(try bench.answers().map(\.status) == [404] && bench.back.legs.isEmpty)
    }

    /// RFC 9110 §7.8: "A server MAY ignore a received Upgrade header field".
    @Test func anUpgradeToSomethingElseIsIgnored() throws {
        let bench = try FrontBench()
        try bench.send(
            Self.request(
                "GET /site HTTP/1.1", "connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: x\r\n"))
        let leg = bench.back.legs[0]
        #expect(Self.field(leg, "upgrade") == [] && Self.field(leg, "http2-settings") == [])
    }

    @Test func aBackEndMaySpeakGRPCWebItself() throws {
        let bench = try FrontBench()
        try bench.send(HTTP1Request.call("x", path: "/site/pkg.Service/Method"))
        #expect(Self.field(bench.back.legs[0], "content-type") == ["application/grpc-web"])
    }

    // MARK: CORS

    private static let preflight = request(
        "OPTIONS /site HTTP/1.1",
        "origin: https://a\r\naccess-control-request-method: DELETE\r\naccess-control-request-headers: x-a\r\n")

    @Test func aPreflightIsTheBackEndsUnlessTheRouteHasAPolicy() throws {
        let bench = try FrontBench()
        try bench.send(Self.preflight)
        #expect(Self.field(bench.back.legs[0], ":method") == ["OPTIONS"])

        let other = try FrontBench(route: { $0.cors = CORSOptions(allowOrigins: ["https://a"]) })
        try other.send(Self.preflight)
        let answers = try other.answers()
        #expect(answers.map(\.status) == [204] && other.back.legs.isEmpty)
        #expect(answers[0]["access-control-allow-methods"] == "DELETE")
        #expect(answers[0]["access-control-allow-headers"] == "x-a")
    }

    @Test func aPolicyReplacesTheBackEndsOwnFields() throws {
        let bench = try FrontBench(route: { $0.cors = CORSOptions(allowOrigins: ["https://a"]) })
        try bench.send(Self.request("GET /site HTTP/1.1", "origin: https://a\r\n"))
        bench.back.legs[0].exchange?.backOpened(
            FieldBlock([":status": "200", "access-control-allow-origin": "*", "content-length": "0", "x-a": "1"]))
        bench.back.legs[0].exchange?.backEnded()
        let answer = try bench.answers()[0]
        #expect(answer.fields.filter { $0.name == "access-control-allow-origin" }.map(\.value) == ["https://a"])
        #expect(answer["access-control-expose-headers"] == "content-length, x-a")
    }

    // MARK: HTTP/2

    /// RFC 9113 §8.2.3: crumbs of a cookie are put together again.
    @Test func overHTTP2TheCrumbsOfACookieAreOneFieldAndTheAuthorityIsTheHost() throws {
        let bench = try HTTP2Bench()
        let call = try bench.open(
            FieldBlock([
                ":method": "GET", ":scheme": "http", ":path": "/site", ":authority": "h", "cookie": "a=1", "x": "y",
                "cookie": "b=2",
            ]))
        let leg = bench.front.back.legs[0]
        #expect(Self.field(leg, "cookie") == ["a=1; b=2"] && Self.field(leg, ":authority") == ["h"])
        #expect(leg.isFinished)
        leg.exchange?.backInformed(FieldBlock([":status": "103", "link": "</a>"]))
        leg.exchange?.backOpened(FieldBlock([":status": "200", "connection": "close"]))
        leg.exchange?.backBody(ByteBuffer(string: "hi"))
        leg.exchange?.backEnded(FieldBlock(["x-sum": "2"]))
        try bench.run()
        #expect(call.interim.map { $0.string("link") } == ["</a>"])
        #expect(call.head?.pairs.map(\.name) == [":status"])
        #expect(call.body == ByteBuffer(string: "hi") && call.trailers == FieldBlock(["x-sum": "2"]))
    }

    @Test(arguments: [
        [":path": "/site x", ":authority": "h"], [":path": "/site", ":authority": "h", "host": "i"],
        [":path": "/site", ":authority": "u@h"],
    ])
    func overHTTP2WhatHTTP1CannotSayIsRefused(_ fields: KeyValuePairs<String, String>) throws {
        let bench = try HTTP2Bench()
        var block = FieldBlock([":method": "GET", ":scheme": "http"])
        block.append(FieldBlock(fields))
        let call = try bench.open(block)
        // The session resets what it finds itself (RFC 9113 §8.1.1).
        #expect(call.head?.string(":status") == "400" || call.closeCode == .protocolError)
        #expect(bench.front.back.legs.isEmpty)
    }
}
