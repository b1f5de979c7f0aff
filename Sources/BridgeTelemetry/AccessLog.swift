// rtbridge: a line for each request and session, off the event loops.
// SPDX-License-Identifier: Apache-2.0

import Dispatch
import Synchronization

/// What is told of one request or session once it is over.
public struct AccessRecord: Sendable {
    public var route: String
    /// `grpc-web`, `grpc`, `websocket` or `http`.
    public var front: String
    public var client: String
    public var path: String
    /// The protocol's own status: a gRPC code's name, a close code, an HTTP status.
    public var status: String
    /// Why it failed (a failure kind's raw value), or empty.
    public var failure: String
    /// The key of the time-out that fired, or empty.
    public var timeout: String
    public var back: String
    public var bytesIn: Int
    public var bytesOut: Int
    /// Messages for the client that were dropped because it was slow.
    public var dropped: Int
    /// How often a call was tried, from 1.
    public var attempts: Int
    /// How often a session got a new back-end connection.
    public var reconnects: Int
    public var duration: Duration

    public init(
        route: String, front: String, client: String, path: String, status: String, failure: String,
        timeout: String = "", back: String, bytesIn: Int, bytesOut: Int, dropped: Int = 0, attempts: Int = 1,
        reconnects: Int = 0, duration: Duration
    ) {
        self.route = route
        self.front = front
        self.client = client
        self.path = path
        self.status = status
        self.failure = failure
        self.timeout = timeout
        self.back = back
        self.bytesIn = bytesIn
        self.bytesOut = bytesOut
        self.dropped = dropped
        self.attempts = attempts
        self.reconnects = reconnects
        self.duration = duration
    }
}

/// Where workers leave their access records. Lines are gathered by each worker and written by one queue, so that a slow
/// terminal or pipe holds up no event loop; with more than 4 MiB waiting further lines are dropped, and counted.
public final class AccessLog: Sendable {
    private static let maximumPendingBytes = 4 * 1024 * 1024

    private let format: LineFormat
    private let queue = DispatchQueue(label: "rtbridge.access-log")
    private let pending = Atomic<Int>(0)
    private let dropped = Atomic<Int>(0)

    public init(format: LineFormat) { self.format = format }

    /// The record as a line.
    public func line(_ record: AccessRecord) -> String {
        var line = LogLine(format: format)
        line.add("time", WallClock.timestamp())
        line.add("level", "access")
        line.add("route.name", record.route)
        line.add("front", record.front)
        line.add("client.address", record.client)
        line.add("request.path", record.path)
        line.add("status", record.status)
        if !record.failure.isEmpty { line.add("failure.kind", record.failure) }
        if !record.timeout.isEmpty { line.add("failure.timeout", record.timeout) }
        line.add("back.address", record.back.isEmpty ? "-" : record.back)
        line.add("bytes.in", record.bytesIn)
        line.add("bytes.out", record.bytesOut)
        if record.dropped > 0 { line.add("messages.dropped", record.dropped) }
        if record.attempts > 1 { line.add("attempts", record.attempts) }
        if record.reconnects > 0 { line.add("reconnects", record.reconnects) }
        line.add("duration.us", Int(record.duration / .microseconds(1)))
        return line.finish()
    }

    /// Hands over whole lines.
    public func write(_ lines: String) {
        let count = lines.utf8.count
        guard pending.load(ordering: .relaxed) + count <= Self.maximumPendingBytes else {
            dropped.add(1, ordering: .relaxed)
            return
        }
        pending.add(count, ordering: .relaxed)
        queue.async { [self] in
            var lines = lines
            let lost = dropped.exchange(0, ordering: .relaxed)
            if lost > 0 { lines += "access log: \(lost) batches of lines dropped, standard error is too slow\n" }
            lines.withUTF8 { LineWriter.writeAll($0) }
            pending.subtract(count, ordering: .relaxed)
        }
    }

    /// Waits until everything handed over was written.
    public func flush() { queue.sync {} }
}
