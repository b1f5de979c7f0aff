// rtbridge: an exchange between a test and a real back leg.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeWire
import NIOCore
import NIOPosix

@testable import BridgeCore

/// The test is the front leg. Everything happens on the worker's event loop.
final class BackSession: Sendable {
    /// What the test does and sees, on the loop.
    final class Front: FrontLeg {
        var isWritable = true
        fileprivate(set) var exchange: Exchange!
        private(set) var head: FieldBlock?
        private(set) var interim: [FieldBlock] = []
        private(set) var isOpen = false
        private(set) var pieces: [ByteBuffer] = []
        private(set) var isFinished = false
        private(set) var trailers: FieldBlock?
        private(set) var failure: Failure?
        private(set) var failedAt: NIODeadline?
        private(set) var takenCount = 0
        private(set) var ends = 0

        func backOpened(_ head: FieldBlock?) {
            isOpen = true
            self.head = head
        }

        func backInformed(_ head: FieldBlock) { interim.append(head) }
        func deliver(_ bytes: ByteBuffer, _ flags: BodyFlags) { pieces.append(bytes) }

        func finish(_ trailers: FieldBlock?) {
            isFinished = true
            ends += 1
            self.trailers = trailers
        }

        func fail(_ failure: Failure) {
            self.failure = failure
            failedAt = .now()
            ends += 1
        }

        func taken() { takenCount += 1 }
        func drain() {}

        var body: ByteBuffer {
            var body = ByteBuffer()
            for piece in pieces { body.writeImmutableBuffer(piece) }
            return body
        }
    }

    let loop: any EventLoop
    private let front: NIOLoopBound<Front>

    private init(_ loop: any EventLoop, _ front: Front) {
        self.loop = loop
        self.front = NIOLoopBound(front, eventLoop: loop)
    }

    /// Opens an exchange on the world's connector.
    /// - Parameter ends: the client's side ends in the same tick.
    static func open(
        _ world: BackWorld, idle: Duration? = nil, deadline: TimeAmount? = nil,
        request: FieldBlock = FieldBlock([":method": "POST", ":scheme": "http", ":path": "/x", ":authority": "t"]),
        ends: Bool = false
    ) async throws -> BackSession {
        try await world.loop.submit {
            let front = Front()
            let (worker, route) = (world.bound.value.worker, world.bound.value.route)
            worker.refreshClock()
            front.exchange = Exchange(
                front: front, request: request, client: "198.51.100.1", route: route, worker: worker)
            front.exchange.open(deadline: deadline.map { .now() + $0 }, idle: idle.map { TimeAmount($0) })
            if ends { front.exchange.frontEnded() }
            return BackSession(world.loop, front)
        }.get()
    }

    /// Does something on the loop.
    @discardableResult
    func run<Value: Sendable>(_ body: @escaping @Sendable (Front) -> Value) async throws -> Value {
        let front = front
        return try await loop.submit {
            front.value.exchange.worker.refreshClock()
            return body(front.value)
        }.get()
    }

    func send(_ bytes: ByteBuffer, _ flags: BodyFlags = []) async throws {
        try await run { $0.exchange.frontBody(bytes, flags) }
    }

    func send(_ text: String) async throws { try await send(ByteBuffer(string: text)) }

    /// The client half-closes.
    func end() async throws { try await run { $0.exchange.frontEnded() } }
    /// The client leaves.
    func leave() async throws { try await run { $0.exchange.frontClosed() } }

    /// Waits until what the test was told is as `condition` says.
    func wait(_ what: String, _ condition: @escaping @Sendable (Front) -> Bool) async throws {
        let front = front
        try await eventually(what, on: loop) { condition(front.value) ? () : nil }
    }

    func failure() async throws -> Failure {
        let front = front
        return try await eventually("a failure", on: loop) { front.value.failure }
    }
}

/// A worker, and a route to a connector of the test's choice.
final class BackWorld: Sendable {
    struct Parts {
        let worker: Worker
        let route: WorkerRoute
    }

    let loop: any EventLoop
    let bound: NIOLoopBound<Parts>

    private init(_ loop: any EventLoop, _ bound: NIOLoopBound<Parts>) {
        self.loop = loop
        self.bound = bound
    }

    static func make(
        _ backend: Backend, _ change: @escaping @Sendable (inout Route) -> Void = { _ in },
        connector: @escaping @Sendable (Backend, Worker, Route) -> any BackConnector
    ) async throws -> BackWorld {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        return try await loop.submit {
            let worker = Worker(eventLoop: loop, index: 0, logger: .init(label: "test"), accessLog: nil)
            var route = Route(name: "r", match: Match(protocols: [.grpcWeb]), backend: backend)
            change(&route)
            let made = WorkerRoute(config: route, connector: connector(backend, worker, route))
            return BackWorld(loop, NIOLoopBound(Parts(worker: worker, route: made), eventLoop: loop))
        }.get()
    }

    /// Timers that are armed on the worker.
    func timers() async throws -> Int {
        let bound = bound
        return try await loop.submit { bound.value.worker.timers.count }.get()
    }
}
