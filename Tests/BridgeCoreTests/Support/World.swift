// rtbridge: an exchange between two fake legs, with time that stands still.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeWire
import NIOCore
import NIOEmbedded

@testable import BridgeCore

struct World {
    let loop = EmbeddedEventLoop()
    let worker: Worker
    let front = FakeFront()
    let back = FakeBack()
    let exchange: Exchange

    init(staysOpen: Bool = false) {
        worker = Worker(eventLoop: loop, index: 0, logger: .init(label: "test"), accessLog: nil)
        back.staysOpenAfterEnd = staysOpen
        let backend = Backend(name: "b", protocol: .tcp, endpoints: [.host("192.0.2.1", port: 7)])
        let config = Route(name: "r", match: Match(protocols: [.websocket]), backend: backend)
        exchange = Exchange(
            front: front, request: FieldBlock(), client: "198.51.100.1",
            route: WorkerRoute(config: config, connector: FakeConnector(back)), worker: worker)
    }

    /// Opens, and the back-end is there.
    func open() {
        exchange.open(deadline: nil, idle: nil)
        exchange.backReady()
        front.forget()
    }

    func fromFront(_ text: String, _ flags: BodyFlags = []) { exchange.frontBody(ByteBuffer(string: text), flags) }
    func fromBack(_ text: String, _ flags: BodyFlags = []) { exchange.backBody(ByteBuffer(string: text), flags) }

    /// Time passes; the worker's clock follows as it does with every event.
    func pass(_ time: TimeAmount) {
        loop.advanceTime(by: time)
        worker.refreshClock()
    }
}

extension Failure {
    static let lost = Failure(.connectionLost, .back, .body, "connection reset by peer", address: "192.0.2.1:7")
    static let gone = Failure(.aborted, .front, .body, "the client closed the connection")
}
