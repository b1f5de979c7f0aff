// rtbridge: messages of an open session: WebSocket and TCP or UDP.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import NIOCore

/// The client sends a message, and the back-end sends it back. The real back legs, on a channel in memory.
enum WebSocketScenarios {
    static let all = [echo("tcp", .tcp, 64), echo("tcp", .tcp, 16 * 1024), echo("udp", .udp, 64)]

    /// RFC 6455 §1.2.
    private static let handshake =
        "GET / HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        + "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n"

    private static func echo(_ name: String, _ kind: BackendProtocol, _ count: Int) -> Scenario {
        Scenario(name: "websocket-\(name)-\(count)", iterations: 200) {
            let bench = try Bench([.websocket], kind)
            try bench.fromFront(ByteBuffer(string: handshake))
            let answer = String(buffer: try bench.toFront())
            try NotAsExpected.check("the handshake's answer", String(answer.prefix(12)), "HTTP/1.1 101")
            let frame = Input.frame(count)
            return {
                try bench.fromFront(Input.copy(frame))
                let sent = try bench.toBack()
                try NotAsExpected.check("bytes to the back-end", sent.readableBytes, count)
                if kind == .udp {
                    try bench.datagramFromBack(Input.copy(sent))
                } else {
                    try bench.fromBack(Input.copy(sent))
                }
                // The header of a frame without a mask is 4 bytes shorter.
                try NotAsExpected.check(
                    "bytes to the client", try bench.toFront().readableBytes, frame.readableBytes - 4)
            }
        }
    }
}
