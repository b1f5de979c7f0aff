// rtbridge: a back-end that does what a test says.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire
import NIOCore

/// Makes ``ScriptedBack`` legs and keeps them in the order of their calls.
final class ScriptedConnector: BackConnector {
    private(set) var legs: [ScriptedBack] = []
    /// Called with each new leg as its exchange opens; by default the back-end is there at once.
    var onOpen: (ScriptedBack) -> Void = { $0.exchange?.backReady() }
    /// Called when the client has ended its side.
    var onFinish: (ScriptedBack) -> Void = { _ in }
    var staysOpen = false

    func makeLeg() -> any BackLeg {
        let leg = ScriptedBack(self)
        legs.append(leg)
        return leg
    }

    func probe(_ done: @escaping (Failure?) -> Void) { done(nil) }
    func shutdown() {}
    func forget() { legs = [] }
}

final class ScriptedBack: BackLeg {
    enum End { case detached, cancelled }

    var isWritable = true
    let staysOpenAfterEnd: Bool
    var address: String? = "192.0.2.1:7"
    private(set) var exchange: Exchange?
    private(set) var received = ByteBuffer()
    private(set) var isFinished = false
    private(set) var trailers: FieldBlock?
    private(set) var end: End?
    private(set) var takenCount = 0
    private unowned let connector: ScriptedConnector

    init(_ connector: ScriptedConnector) {
        self.connector = connector
        staysOpenAfterEnd = connector.staysOpen
    }

    func open(_ exchange: Exchange) {
        self.exchange = exchange
        connector.onOpen(self)
    }

    func deliver(_ bytes: ByteBuffer, _ flags: BodyFlags) { received.writeImmutableBuffer(bytes) }

    func finish(_ trailers: FieldBlock?) {
        isFinished = true
        self.trailers = trailers
        connector.onFinish(self)
    }

    func detach() { over(.detached) }
    func cancel() { over(.cancelled) }
    func taken() { takenCount += 1 }

    private func over(_ end: End) {
        self.end = end
        exchange = nil
    }

    /// Answers a gRPC call with what it sent.
    func echo() {
        exchange?.backOpened(FieldBlock([":status": "200", "content-type": "application/grpc"]))
        if received.readableBytes > 0 { exchange?.backBody(received) }
        exchange?.backEnded(FieldBlock(["grpc-status": "0"]))
    }
}
