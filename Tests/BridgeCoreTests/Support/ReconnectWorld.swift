// rtbridge: an exchange whose back-ends come and go, with time that stands still.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgePolicy
import BridgeWire
import Logging
import NIOCore
import NIOEmbedded

@testable import BridgeCore

/// A back leg whose kernel takes what the test says.
final class KernelBack: BackLeg {
    var isWritable: Bool { pending.reduce(0) { $0 + $1.bytes.readableBytes } < 64 }
    var staysOpenAfterEnd = false
    var address: String? = "192.0.2.1:7"
    private(set) var exchange: Exchange?
    /// What the kernel took.
    private(set) var written = ByteBuffer()
    private(set) var isCancelled = false
    private(set) var hasFinished = false
    private var pending: [(bytes: ByteBuffer, flags: BodyFlags)] = []
    private var isCut = false
    var hasPending: Bool { !pending.isEmpty }

    func open(_ exchange: Exchange) {
        self.exchange = exchange
        isCut = exchange.isMidMessage
    }

    func deliver(_ bytes: ByteBuffer, _ flags: BodyFlags) { pending.append((bytes, flags)) }
    func finish(_ trailers: FieldBlock?) { hasFinished = true }
    func detach() { exchange = nil }
    func taken() {}

    func cancel() {
        exchange = nil
        isCancelled = true
    }

    /// The kernel takes up to so many bytes.
    func write(_ count: Int) {
        var rest = count
        while let first = pending.first {
            let step = min(rest, first.bytes.readableBytes)
            if let bytes = pending[0].bytes.readSlice(length: step) { written.writeImmutableBuffer(bytes) }
            rest -= step
            let isOurs = first.flags.contains(.ofBridge)
            if pending[0].bytes.readableBytes > 0 {
                if step > 0, !isOurs { isCut = true }
                break
            }
            pending.removeFirst()
            if !isOurs { isCut = !first.flags.contains(.endsMessage) }
        }
        exchange?.backWritable()
    }

    func takeUnwritten() -> Unwritten {
        var unwritten = Unwritten()
        unwritten.isCut = isCut
        unwritten.pieces = pending.filter { !$0.flags.contains(.ofBridge) }
        pending = []
        return unwritten
    }
}

/// The front, an exchange with `reconnect`, and all back legs that it made, in order.
final class ReconnectWorld {
    final class Connector: BackConnector {
        fileprivate(set) var legs: [KernelBack] = []
        var staysOpen = false

        func makeLeg() -> any BackLeg {
            let leg = KernelBack()
            leg.staysOpenAfterEnd = staysOpen
            legs.append(leg)
            return leg
        }

        func probe(_ done: @escaping (Failure?) -> Void) { done(nil) }
        func shutdown() {}
    }

    let loop = EmbeddedEventLoop()
    let worker: Worker
    let front = FakeFront()
    let connector = Connector()
    let exchange: Exchange

    init(_ change: (inout ReconnectOptions) -> Void = { _ in }) {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        worker = Worker(eventLoop: loop, index: 0, logger: logger, accessLog: nil)
        var options = ReconnectOptions()
        options.policy.mode = .resume
        options.policy.backoff = BackoffParameters(
            initial: .milliseconds(100), multiplier: 2, max: .seconds(1), jitter: .fraction(0))
        change(&options)
        let backend = Backend(name: "b", protocol: .tcp, endpoints: [.host("192.0.2.1", port: 7)])
        var config = Route(name: "r", match: Match(protocols: [.websocket]), backend: backend)
        config.reconnect = options
        exchange = Exchange(
            front: front, request: FieldBlock(), client: "198.51.100.1",
            route: WorkerRoute(config: config, connector: connector), worker: worker)
    }

    var back: KernelBack { connector.legs[connector.legs.count - 1] }
    var legs: [KernelBack] { connector.legs }

    /// The newest back leg is there.
    func connect() {
        exchange.backReady()
        exchange.backOpened()
    }

    func fromFront(_ text: String, _ flags: BodyFlags = .endsMessage) {
        exchange.frontBody(ByteBuffer(string: text), flags)
    }

    func pass(_ time: TimeAmount) {
        loop.advanceTime(by: time)
        worker.refreshClock()
    }

    /// What the kernels of all back legs took, one text a leg.
    var written: [String] { legs.map { String(buffer: $0.written) } }
}
