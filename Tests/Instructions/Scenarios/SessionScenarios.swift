// rtbridge: two HTTP/2 sessions that speak to each other.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import HTTP2Session
import NIOCore

/// Both sides are counted, and what they send each other is moved outside of the count.
enum SessionScenarios {
    static let all = [32, 16 * 1024].map { echo($0) }

    private static func echo(_ count: Int) -> Scenario {
        Scenario(name: "http2-session-\(count)", iterations: 200) {
            let (back, front) = (HTTP2Peer(.back), HTTP2Peer(.front))
            let message = Input.message(count)
            try exchange(back, front)
            return {
                let (answers, bytes) = (back.answers, back.bodyBytes)
                try Meter.counted { try back.request(GRPCScenarios.native, message) }
                try exchange(back, front)
                try NotAsExpected.check("answers", back.answers, answers + 1)
                try NotAsExpected.check("bytes", back.bodyBytes, bytes + message.readableBytes)
            }
        }
    }

    private static func exchange(_ back: HTTP2Peer, _ front: HTTP2Peer) throws {
        while true {
            let up = try move(back, front)
            let down = try move(front, back)
            if !up, !down { return }
        }
    }

    /// - Returns: whether there was something to move.
    private static func move(_ from: HTTP2Peer, _ to: HTTP2Peer) throws -> Bool {
        var bytes = ByteBuffer()
        try Meter.counted {
            bytes = from.produce()
            if bytes.readableBytes > 0 { try to.session.receive(bytes) }
        }
        return bytes.readableBytes > 0
    }
}
