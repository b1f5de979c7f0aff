// rtbridge: tests of when a WebSocket's client is asked whether it lives.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import Logging
import NIOCore
import NIOEmbedded
import Testing

@Suite struct WebSocketPingerTests {
    private final class Client {
        let loop = EmbeddedEventLoop()
        let worker: Worker
        var canSend = true
        var events: [WebSocketPinger.Event] = []
        var pinger: WebSocketPinger?

        init(timeout: Duration?) {
            worker = Worker(eventLoop: loop, index: 0, logger: Logger(label: "test"), accessLog: nil)
            worker.refreshClock()
            pinger = WebSocketPinger(
                worker, interval: .seconds(25), timeout: timeout, canSend: { [unowned self] in canSend },
                tell: { [unowned self] in events.append($0) })
        }

        /// In steps, as the wheel goes.
        func wait(seconds: Int64) { for _ in 0..<seconds * 10 { loop.advanceTime(by: .milliseconds(100)) } }
    }

    @Test func aPingIsDueEveryInterval() {
        let client = Client(timeout: .seconds(10))
        client.wait(seconds: 1)
        for _ in 1...3 {
            client.wait(seconds: 25)
            client.pinger?.heard()
        }
        #expect(client.events == [.sendPing, .sendPing, .sendPing])
    }

    @Test func aClientThatIsSilentAfterAPingIsGone() {
        let client = Client(timeout: .seconds(10))
        client.wait(seconds: 34)
        #expect(client.events == [.sendPing])
        client.wait(seconds: 2)
        #expect(client.events == [.sendPing, .silent])
    }

    @Test func withoutATimeoutNobodyIsGone() {
        let client = Client(timeout: nil)
        client.wait(seconds: 101)
        #expect(client.events == [.sendPing, .sendPing, .sendPing, .sendPing])
    }

    /// A client that reads slowly has the ping behind other bytes; it must not be taken for a dead one.
    @Test func aClientThatStillHasBytesToReadIsNeitherAskedNorGone() {
        let client = Client(timeout: .seconds(10))
        client.wait(seconds: 26)
        client.canSend = false
        client.wait(seconds: 120)
        #expect(client.events == [.sendPing])
        client.canSend = true
        client.wait(seconds: 40)
        #expect(client.events == [.sendPing, .sendPing, .silent])
    }

    @Test func aStoppedPingerSaysNothing() {
        let client = Client(timeout: .seconds(10))
        client.pinger?.stop()
        client.wait(seconds: 120)
        #expect(client.events.isEmpty)
    }
}
