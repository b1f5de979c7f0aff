// rtbridge: legs that note what they are told, and do what a test says.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire
import NIOCore

/// What either leg was told.
enum LegEvent: Equatable {
    case opened(FieldBlock?)
    case body(String, BodyFlags = [])
    case finished(FieldBlock?)
    case failed(Failure.Kind)
    case taken
    case drained
    case detached
    case cancelled
    case reconnecting(Int)
    case reconnected
}

final class FakeFront: FrontLeg {
    var isWritable = true
    private(set) var events: [LegEvent] = []
    /// Called after each event was noted.
    var onEvent: (LegEvent) -> Void = { _ in }
    private(set) var failure: Failure?

    func backOpened(_ head: FieldBlock?) { note(.opened(head)) }
    func deliver(_ bytes: ByteBuffer, _ flags: BodyFlags) { note(.body(String(buffer: bytes), flags)) }
    func finish(_ trailers: FieldBlock?) { note(.finished(trailers)) }
    func taken() { note(.taken) }
    func drain() { note(.drained) }
    func backReconnecting(attempt: Int, delay: Duration) { note(.reconnecting(attempt)) }
    func backReconnected() { note(.reconnected) }

    func fail(_ failure: Failure) {
        self.failure = failure
        note(.failed(failure.kind))
    }

    func forget() { events = [] }

    private func note(_ event: LegEvent) {
        events.append(event)
        onEvent(event)
    }
}

final class FakeBack: BackLeg {
    var isWritable = true
    var staysOpenAfterEnd = false
    var address: String? = "192.0.2.1:7"
    private(set) var events: [LegEvent] = []
    private(set) var exchange: Exchange?
    /// Called as the exchange opens, in its call.
    var onOpen: (Exchange) -> Void = { _ in }
    var onEvent: (LegEvent) -> Void = { _ in }

    func open(_ exchange: Exchange) {
        self.exchange = exchange
        onOpen(exchange)
    }

    func deliver(_ bytes: ByteBuffer, _ flags: BodyFlags) { note(.body(String(buffer: bytes), flags)) }
    func finish(_ trailers: FieldBlock?) { note(.finished(trailers)) }
    func taken() { note(.taken) }

    func detach() {
        exchange = nil
        note(.detached)
    }

    func cancel() {
        exchange = nil
        note(.cancelled)
    }

    func forget() { events = [] }

    private func note(_ event: LegEvent) {
        events.append(event)
        onEvent(event)
    }
}

final class FakeConnector: BackConnector {
    private let leg: FakeBack
    init(_ leg: FakeBack) { self.leg = leg }
    func makeLeg() -> any BackLeg { leg }
    func probe(_ done: @escaping (Failure?) -> Void) { done(nil) }
    func shutdown() {}
}
