// rtbridge: the mediator between a client's leg and a back-end's leg.
// SPDX-License-Identifier: Apache-2.0

import BridgeTelemetry
import BridgeWire
import NIOCore

/// One call or session: a front leg, a back leg and what stands between them. Belongs to its worker's event loop.
///
/// Each event asks ``ExchangeState`` what to do and does it. Every timer is in one place; the first end wins, and
/// nothing reaches a leg after it.
public final class Exchange {
    public let route: WorkerRoute
    public let worker: Worker
    /// What the front leg made of the request, for back-ends that speak of requests.
    public let request: FieldBlock
    /// The client's IP address.
    public let client: String
    /// The client's connection, for back-ends that are told of it; nil where none may be.
    public let connection: ConnectionInfo?
    /// When the call must have ended; back legs pass on what is left of it.
    public private(set) var deadline: NIODeadline?

    var state = ExchangeState()
    /// Told of what happens; to be set before ``open(deadline:idle:)``.
    public var front: (any FrontLeg)?
    var back: (any BackLeg)?
    var held = HeldBytes()
    private var heldTrailers: FieldBlock?
    /// nil: the session ends with its back-end connection. See Exchange+Reconnect.swift.
    var reconnection: Reconnection?
    var lastAddress: String?
    var lastDropped = 0
    var lastAttempts = 1
    let startedAt: NIODeadline
    /// What was tried for it; there is none while nothing has failed.
    var tried: FailureTimeline?
    /// When its connection was dialled, and how long that took; what explains a failure that comes later.
    var dialled: (began: NIODeadline, took: TimeAmount)?
    var isBackWaiting = false
    /// Itself, while it has bytes for a back-end of a client that is gone: nobody else holds it then.
    var outlivesFront: Exchange?
    /// What the session's first back-end answered, where others may follow it: they have to agree to the same.
    public private(set) var firstHead: FieldBlock?

    var deadlineTimer: WheelTimer?
    /// Set where the exchange waits in its route's ``IdleWatch``; later it has a timer.
    var idleLink: IdleLink?
    var idleTimer: WheelTimer?
    var idleAfter: TimeAmount?
    var lastActivity: NIODeadline

    /// Body bytes that went through, for the access record.
    public private(set) var bytesIn = 0
    public private(set) var bytesOut = 0
    public internal(set) var failure: Failure?

    public init(
        front: (any FrontLeg)? = nil, request: FieldBlock, client: String, connection: ConnectionInfo? = nil,
        route: WorkerRoute, worker: Worker
    ) {
        self.connection = connection
        self.front = front
        self.request = request
        self.client = client
        self.route = route
        self.worker = worker
        startedAt = worker.now
        lastActivity = worker.now
        route.counters.begin()
    }

    /// Nothing that is delivered goes anywhere any more.
    public var isOver: Bool { state.phase == .closed }

    /// The back-end's address, once known.
    public var backAddress: String? { back?.address ?? lastAddress }

    /// Messages that were dropped: of the back-end because the client was slow, of the client because there was none.
    public var dropped: Int { (back?.dropped ?? 0) + lastDropped + (reconnection?.held.dropped ?? 0) }

    /// Messages that the front leg had to drop.
    public func noteDropped(_ count: Int = 1) { lastDropped += count }

    /// How often the call was tried.
    public var attempts: Int { back?.attempts ?? lastAttempts }
    /// How often the session got a new back-end connection.
    public var reconnects: Int { reconnection?.reconnects ?? 0 }

    // MARK: Commands of the front leg

    /// Starts: arms the timers and reaches for the back-end.
    public func open(deadline: NIODeadline?, idle: TimeAmount?) {
        state.opened()
        self.deadline = deadline
        if let deadline {
            deadlineTimer = worker.timers.schedule(at: deadline, self)
        }
        if let idle {
            idleAfter = idle
            if let watch = route.idleWatch, watch.after == idle {
                watch.add(self)
            } else {
                idleTimer = worker.timers.schedule(at: worker.now + idle, self)
            }
        }
        if route.reconnects, let options = route.config.reconnect { reconnection = Reconnection(options, self) }
        dial()
    }

    func dial() {
        let back = route.connector.makeLeg()
        self.back = back
        back.open(self)
    }

    public func frontBody(_ bytes: ByteBuffer, _ flags: BodyFlags = []) {
        lastActivity = worker.now
        switch state.frontBody(flags) {
        case .forward:
            bytesIn += bytes.readableBytes
            guard let back else { break }
            back.deliver(bytes, flags)
            if state.phase == .open, back.isWritable { front?.taken() }
        case .hold:
            bytesIn += bytes.readableBytes
            held.append(bytes, flags)
        case .holdBounded:
            bytesIn += bytes.readableBytes
            holdForNewBack(bytes, flags)
        case .drop:
            front?.taken()
        }
    }

    public func frontEnded(_ trailers: FieldBlock? = nil) {
        lastActivity = worker.now
        switch state.frontEnded() {
        case .forward:
            back?.finish(trailers)
        case .hold:
            heldTrailers = trailers
        case .forwardAndClose:
            back?.finish(trailers)
            close(.detach)
        case .ignore:
            break
        }
    }

    public func frontWritable() {
        guard isBackWaiting, front?.isWritable == true else { return }
        isBackWaiting = false
        back?.taken()
    }

    /// Something other than body bytes shows that the client lives: a pong.
    public func noteActivity() { lastActivity = worker.now }

    // MARK: Events of the back leg

    /// The back leg can be written to: what was held goes out now. Comes before every other event of the back leg
    /// but a failure.
    public func backReady() {
        let isNew = state.phase == .opening
        guard state.backReady() == .deliverHeld, let back else { return }
        // Another connection is no sign of life.
        if isNew { lastActivity = worker.now }
        reconnection?.deliver(to: back, isNew: isNew)
        for (bytes, flags) in held.removeAll() where state.phase == .open { back.deliver(bytes, flags) }
        if state.phase == .open, state.hasFrontEnded { back.finish(heldTrailers) }
        if outlivesFront != nil, state.closed() { return close(.detach) }
        takeFromFront()
    }

    /// The back-end has answered. `head`: its response head, where its protocol has one.
    public func backOpened(_ head: FieldBlock? = nil) {
        guard state.phase == .open else { return }
        lastActivity = worker.now
        if reconnection != nil, firstHead == nil { firstHead = head }
        front?.backOpened(head)
    }

    /// The back-end has sent an interim response.
    public func backInformed(_ head: FieldBlock) {
        guard state.phase == .open else { return }
        lastActivity = worker.now
        front?.backInformed(head)
    }

    public func backBody(_ bytes: ByteBuffer, _ flags: BodyFlags = []) {
        guard state.phase == .open, !state.hasBackEnded, let front else { return }
        lastActivity = worker.now
        bytesOut += bytes.readableBytes
        front.deliver(bytes, flags)
        if state.phase != .closed, front.isWritable { back?.taken() } else { isBackWaiting = true }
    }

    public func backEnded(_ trailers: FieldBlock? = nil) {
        if !lostByEnd() { backEndedForGood(trailers) }
    }

    /// An end that is meant for the client, whatever the route says of a back-end that goes away.
    public func backEndedForGood(_ trailers: FieldBlock? = nil) {
        lastActivity = worker.now
        switch state.backEnded(staysOpen: back?.staysOpenAfterEnd ?? false) {
        case .finishFront:
            front?.finish(trailers)
        case .finishFrontAndClose:
            front?.finish(trailers)
            // Its end is of one direction: what is under way in the other may still be taken.
            close(.detach)
        case .ignore:
            break
        }
    }

    public func backFailed(_ failure: Failure) {
        if reconnection == nil { fail(failure) } else { backLost(failure, .failed) }
    }

    public func backWritable() { takeFromFront() }

    private func takeFromFront() {
        guard state.phase == .open, let back, back.isWritable else { return }
        front?.taken()
    }
}

@available(*, unavailable)
extension Exchange: Sendable {}
