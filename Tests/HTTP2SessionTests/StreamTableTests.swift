// rtbridge: a session's streams are found by their identifiers.
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Testing

@testable import HTTP2Session

struct StreamTableTests {
    /// A thousand streams that come in order and go in any, as a table and as a dictionary.
    @Test(arguments: 0..<20 as Range<UInt64>)
    func whatWasPutInIsFoundUntilItIsTakenOut(_ seed: UInt64) {
        var random = SplitMix(seed: seed)
        let session = HTTP2Session(role: .front)
        var table = HTTP2StreamTable()
        var known: [Int32: HTTP2Stream] = [:]
        var next: Int32 = 1
        for step in 0..<3000 {
            // Full at times, and empty at others.
            let wanted = step / 300 % 2 == 0 ? 70 : 30
            if known.isEmpty || Int.random(in: 0..<100, using: &random) < wanted {
                let stream = HTTP2Stream(session: session)
                known[next] = stream
                table.insert(next, Unmanaged.passUnretained(stream))
                // Identifiers may be left out (RFC 9113 §5.1.1).
                next += 2 * Int32.random(in: 1...9, using: &random)
            } else if let id = known.keys.randomElement(using: &random) {
                known[id] = nil
                table.remove(id)
                table.remove(id)
            }
            for id in stride(from: max(1, next - 60), to: next + 4, by: 1) {
                let found = table.find(id)?.takeUnretainedValue()
                #expect(found === known[id], "stream \(id), step \(step), seed \(seed)")
            }
        }
        for id in known.keys {
            table.remove(id)
            let found = table.find(id)
            #expect(found == nil)
        }
    }

    @Test func aQueueKeepsItsOrderWhoeverLeaves() {
        let session = HTTP2Session(role: .front)
        let streams = (0..<6).map { _ in HTTP2Stream(session: session) }
        var queue = HTTP2StreamQueue(.bodies)
        func order() -> [Int] {
            var order: [Int] = []
            var link = queue.first
            while let stream = link?.takeUnretainedValue() {
                order.append(streams.firstIndex { $0 === stream } ?? -1)
                link = stream.queuedBehind
            }
            return order
        }
        for stream in streams[..<5] { queue.append(stream) }
        queue.prepend(streams[5])
        #expect(order() == [5, 0, 1, 2, 3, 4])
        for index in [0, 5, 4, 2] { queue.remove(streams[index]) }
        #expect(order() == [1, 3])
        #expect(streams.map(\.queue) == [.none, .bodies, .none, .bodies, .none, .none])
        queue.append(streams[0])
        queue.remove(streams[1])
        queue.remove(streams[3])
        #expect(order() == [0])
        queue.remove(streams[0])
        #expect(queue.isEmpty)
    }

    /// 1,000 resets at once, and 33 a second for ever.
    @Test func resetsAreCountedByTheSecond() {
        var resets = HTTP2ResetGuard()
        var now = NIODeadline.uptimeNanoseconds(5_000_000_000)
        func isTaken() -> Bool { resets.take(now: now) }
        for _ in 0..<1000 { #expect(isTaken()) }
        #expect(!isTaken())
        now = now + .milliseconds(999)
        #expect(!isTaken())
        for _ in 0..<100 {
            now = now + .seconds(1)
            for _ in 0..<33 { #expect(isTaken()) }
            #expect(!isTaken())
        }
        now = now + .hours(10_000)
        for _ in 0..<1000 { #expect(isTaken()) }
        #expect(!isTaken())
    }

    /// Whoever reads the log learns what the peer did, and so does the peer.
    @Test func aViolationIsSaidWithItsReason() throws {
        let peer = try RawPeer(role: .back)
        _ = peer.session.open(.get, endStream: true, delegate: StreamRecorder())
        _ = try peer.frames()
        try peer.send(RawFrame.make(.ping, [1, 2, 3]))
        let goaway = try #require(try peer.frames(.goaway).first)
        #expect(String(decoding: goaway.payload.dropFirst(8), as: UTF8.self) == "PING of 3 bytes")
        #expect(peer.session.violation?.code == .frameSizeError)
        #expect(peer.session.violation?.description == "PING of 3 bytes")
        #expect(peer.session.isOver)
    }
}
