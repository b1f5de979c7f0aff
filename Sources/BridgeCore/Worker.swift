// rtbridge: one event loop and all that belongs to it alone.
// SPDX-License-Identifier: Apache-2.0

import BridgePolicy
import BridgeTelemetry
import Logging
import NIOCore

/// Something that gathers output and sends it at the end of the event loop's tick.
public protocol TickFlushable: AnyObject {
    func flushAtTickEnd()
}

/// One event loop, its clock, timers, back-ends and counters. Workers share nothing that changes.
public final class Worker {
    public let eventLoop: any EventLoop
    public let index: Int
    public let logger: Logger
    public let accessLog: AccessLog?
    /// Sessions that clients come back to, of all workers.
    public let sessions: SessionDirectory
    public private(set) var timers: TimerWheel!
    /// The time of the event that is being handled; brought up to date once a read, not once a call.
    public private(set) var now: NIODeadline
    public var random = SystemRandomNumberGenerator()
    public private(set) var isDraining = false
    /// Sessions whose clients are gone, and whose back-ends have not taken everything: a drain waits for them.
    public private(set) var departing = 0

    /// For bytes that are made and passed on at once. Who writes clears it first; who takes it for longer copies it.
    public var scratch = ByteBuffer()
    /// What connections gather a tick's output in, one after the other.
    private var spareOutputs: [ByteBuffer] = []
    private static let maximumSpareOutputs = 64
    /// Larger ones are not kept.
    private static let maximumSpareOutputBytes = 128 * 1024

    public let counters: WorkerCounters
    /// What is kept of clients' bytes for retries and for back-ends that are away.
    public let held: ByteBudget
    /// With two workers an eighth of a gibibyte: 256 calls or sessions that are kept with all that each may have.
    public static let maximumHeldBytes = 64 * 1024 * 1024

    /// What failed of late, for people who ask why.
    public internal(set) var failedCalls = FailedCalls()

    /// Back-end connections that belong to a client's.
    public let keptForClients = KeptForClients()
    let accessLines = AccessLines()
    /// Each with a reference of its own. While there are any, the event loop's task keeps this worker.
    private var dirty: [DirtyConnection] = []
    private var isFlushScheduled = false

    /// - Parameter sessions: shared by all workers.
    public init(
        eventLoop: any EventLoop, index: Int, logger: Logger, accessLog: AccessLog?,
        sessions: SessionDirectory = SessionDirectory(), maximumHeldBytes: Int = maximumHeldBytes
    ) {
        self.sessions = sessions
        held = ByteBudget(limit: maximumHeldBytes)
        counters = WorkerCounters(held: held)
        self.eventLoop = eventLoop
        self.index = index
        self.logger = logger
        self.accessLog = accessLog
        now = eventLoop.now
        timers = TimerWheel(eventLoop: eventLoop) { [unowned self] in refreshClock() }
    }

    /// An empty buffer to gather output in. Where a channel still holds its memory, writing to it takes new memory.
    public func takeOutput() -> ByteBuffer { spareOutputs.popLast() ?? ByteBuffer() }

    public func giveBackOutput(_ buffer: consuming ByteBuffer) {
        guard spareOutputs.count < Self.maximumSpareOutputs, buffer.capacity <= Self.maximumSpareOutputBytes else {
            return
        }
        buffer.clear()
        spareOutputs.append(buffer)
    }

    /// Called where an event comes in from the outside.
    public func refreshClock() { now = eventLoop.now }

    /// Sees that `connection` is flushed once, after all events of this tick were handled. A connection marks itself
    /// once and again only after it was flushed.
    public func flushAtTickEnd(_ connection: any TickFlushable) {
        dirty.append(DirtyConnection(retaining: connection))
        guard !isFlushScheduled else { return }
        isFlushScheduled = true
        eventLoop.assumeIsolated().execute { self.flushDirty() }
    }

    private func flushDirty() {
        isFlushScheduled = false
        // Who is marked meanwhile is flushed at the next tick's end.
        let count = dirty.count
        for index in 0..<count {
            let entry = dirty[index]
            entry.connection.flushAtTickEnd()
            entry.release()
        }
        if dirty.count == count { dirty.removeAll(keepingCapacity: true) } else { dirty.removeFirst(count) }
    }

    public func startDraining() { isDraining = true }

    public func departs() { departing += 1 }
    public func hasDeparted() { departing -= 1 }
}

@available(*, unavailable)
extension Worker: Sendable {}
