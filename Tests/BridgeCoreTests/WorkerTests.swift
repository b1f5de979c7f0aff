// rtbridge: flushing at the end of a tick.
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOEmbedded
import Testing

@testable import BridgeCore

struct WorkerTests {
    private final class Connection: TickFlushable {
        private(set) var flushes = 0
        var onFlush: () -> Void = {}

        func flushAtTickEnd() {
            flushes += 1
            onFlush()
        }
    }

    private static func make() -> (loop: EmbeddedEventLoop, worker: Worker) {
        let loop = EmbeddedEventLoop()
        return (loop, Worker(eventLoop: loop, index: 0, logger: .init(label: "test"), accessLog: nil))
    }

    @Test func aDirtyConnectionIsFlushedOnceAfterTheEventsOfTheTick() {
        let (loop, worker) = Self.make()
        let connections = (0..<3).map { _ in Connection() }
        for connection in connections { worker.flushAtTickEnd(connection) }
        #expect(connections.map(\.flushes) == [0, 0, 0])
        loop.run()
        #expect(connections.map(\.flushes) == [1, 1, 1])
        loop.run()
        #expect(connections.map(\.flushes) == [1, 1, 1])
    }

    @Test func aConnectionMayBeDirtyAgainWhileItIsFlushed() {
        let (loop, worker) = Self.make()
        let connection = Connection()
        let other = Connection()
        connection.onFlush = { [unowned connection] in
            if connection.flushes < 5 { worker.flushAtTickEnd(connection) }
            if connection.flushes == 1 { worker.flushAtTickEnd(other) }
        }
        worker.flushAtTickEnd(connection)
        loop.run()
        #expect(connection.flushes == 5 && other.flushes == 1)
    }

    @Test func aConnectionIsLetGoAfterItsFlush() {
        let (loop, worker) = Self.make()
        weak var connection: Connection?
        do {
            let made = Connection()
            connection = made
            worker.flushAtTickEnd(made)
        }
        #expect(connection != nil)
        loop.run()
        #expect(connection == nil)
    }

    @Test func theClockStandsStillUntilItIsRefreshed() {
        let (loop, worker) = Self.make()
        let before = worker.now
        loop.advanceTime(by: .seconds(3))
        #expect(worker.now == before)
        worker.refreshClock()
        #expect(worker.now == before + .seconds(3))
    }

    @Test func aTimerFindsTheClockUpToDate() {
        let (loop, worker) = Self.make()
        final class Target: WheelTimerTarget {
            let onFire: () -> Void
            init(_ onFire: @escaping () -> Void) { self.onFire = onFire }
            func timerFired(_ timer: WheelTimer) { onFire() }
        }
        var seen: NIODeadline?
        _ = worker.timers.schedule(at: worker.now + .seconds(1), Target { seen = worker.now })
        loop.advanceTime(by: .seconds(2))
        #expect(seen.map { $0 >= .uptimeNanoseconds(1_000_000_000) } == true)
    }
}
