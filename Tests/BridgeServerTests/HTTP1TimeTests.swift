// rtbridge: how long a client of HTTP/1.1 may take.
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Testing

@testable import BridgeCore
@testable import BridgeServer

struct HTTP1TimeTests {
    @Test(arguments: ["", "P", "POST /call/x HTTP/1.1\r\nhost: te"])
    func aHeadThatDoesNotComeClosesTheConnection(_ beginning: String) throws {
        let bench = try FrontBench { $0.headerTimeout = .seconds(10) }
        if !beginning.isEmpty { try bench.send(beginning) }
        bench.pass(.seconds(9))
        #expect(bench.isOpen)
        bench.pass(.seconds(1) + .milliseconds(20))
        #expect(!bench.isOpen)
        #expect(bench.worker.timers.count == 0)
    }

    @Test func aConnectionWithoutARequestIsClosedAfterTheIdleTime() throws {
        let bench = try FrontBench { $0.idleTimeout = .seconds(30) }
        try bench.send("GET /page HTTP/1.1\r\nhost: test\r\n\r\n")
        #expect(try bench.answers().map(\.status) == [200])
        bench.pass(.seconds(29))
        #expect(bench.isOpen)
        bench.pass(.seconds(2))
        #expect(!bench.isOpen)
    }

    @Test func aCallMayTakeLongerThanTheIdleTime() throws {
        let bench = try FrontBench {
            $0.idleTimeout = .seconds(30)
            $0.headerTimeout = .seconds(10)
        }
        try bench.send(HTTP1Request.call("slow"))
        bench.pass(.seconds(200))
        #expect(bench.isOpen && bench.back.legs[0].end == nil)
    }

    /// RFC 9112 §9.6: closing while bytes are under way destroys them.
    @Test func aClientThatTakesItsLastAnswerSlowlyGetsAllOfIt() throws {
        let bench = try FrontBench { $0.idleTimeout = .seconds(60) }
        bench.back.onFinish = { $0.echo() }
        bench.isClientStalled = true
        try bench.send(HTTP1Request.call("slow", "host: test\r\nconnection: close\r\n"))
        bench.pass(.seconds(50))
        #expect(bench.isOpen)
        bench.isClientStalled = false
        let answers = try bench.answers()
        #expect(answers.map(\.isWhole) == [true] && answers[0].frames.first?.payload == "slow")
        #expect(!bench.isOpen)
        #expect(bench.worker.timers.count == 0)
    }

    @Test func aClientThatNeverTakesItsLastAnswerIsClosed() throws {
        let bench = try FrontBench { $0.idleTimeout = .seconds(60) }
        bench.isClientStalled = true
        try bench.send("GET /page HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")
        bench.pass(.seconds(61))
        #expect(!bench.isOpen)
        #expect(bench.worker.timers.count == 0 && bench.ingress.isEmpty)
    }

    @Test func everyTimerIsGoneWithItsConnection() throws {
        for request in ["", "GET /page HTTP/1.1\r\nhost: test\r\n\r\n", HTTP1Request.upgrade] {
            let bench = try FrontBench { _ in
            } route: {
                $0.websocket.pingInterval = .seconds(5)
            }
            bench.back.onOpen = { leg in
                leg.exchange?.backReady()
                leg.exchange?.backOpened()
            }
            if !request.isEmpty { try bench.send(request) }
            bench.disconnect()
            #expect(bench.worker.timers.count == 0, "\(request)")
            #expect(bench.ingress.isEmpty)
        }
    }
}
