// rtbridge: messages of an open session that are compressed on the client's side: WebSocket and TCP.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import NIOCore

/// The client sends a compressed message, and the back-end sends it back (RFC 7692). Sixteen texts take turns: a compressor
/// remembers what it has seen, and the same text again would cost next to nothing.
enum DeflateScenarios {
    static let all = [echo(1024)]

    private static let texts = 16

    /// RFC 6455 §1.2.
    private static func handshake(_ offer: String) -> ByteBuffer {
        ByteBuffer(
            string: "GET / HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
                + "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n"
                + "sec-websocket-extensions: \(offer)\r\n\r\n")
    }

    private static func open(_ offer: String) throws -> Bench {
        let bench = try Bench([.websocket], .tcp, compression: .on)
        try bench.fromFront(handshake(offer))
        let answer = String(buffer: try bench.toFront())
        try NotAsExpected.check("compression is agreed", answer.contains("permessage-deflate"), true)
        return bench
    }

    private static func echo(_ count: Int) -> Scenario {
        Scenario(name: "websocket-deflate-tcp-\(count)", iterations: 160) {
            let bench = try open("permessage-deflate; client_max_window_bits")
            let texts = (0..<texts).map { text($0, count) }
            let frames = try compressed(texts)
            var turn = 0
            return {
                let (text, frame) = (texts[turn % texts.count], frames[turn % texts.count])
                turn += 1
                try bench.fromFront(Input.copy(frame))
                let sent = try bench.toBack()
                try NotAsExpected.check("what reaches the back-end", sent, text)
                try bench.fromBack(Input.copy(sent))
                let back = try bench.toFront()
                try NotAsExpected.check("RSV1", back.getInteger(at: back.readerIndex), UInt8(0xC2))
                try NotAsExpected.check("it is shorter", back.readableBytes < count / 2, true)
            }
        }
    }

    /// Frames of a client. The bridge itself compresses the texts, each by itself: a client may always forget (§7.1.1.2).
    private static func compressed(_ texts: [ByteBuffer]) throws -> [ByteBuffer] {
        let bench = try open("permessage-deflate; server_no_context_takeover")
        return try texts.map { text in
            var plain = ByteBuffer()
            WebSocketEncoder.writeFrame(opcode: .binary, payload: text, maskKey: 0x9A3C_51E7, into: &plain)
            try bench.fromFront(plain)
            try bench.fromBack(bench.toBack())
            var back = try bench.toFront()
            // §5.2: the server's frames have no mask, so the header is 2 bytes, or 4 from 126 bytes on.
            let isLong = back.getInteger(at: back.readerIndex + 1, as: UInt8.self) == 126
            back.moveReaderIndex(forwardBy: isLong ? 4 : 2)
            var frame = ByteBuffer()
            WebSocketEncoder.writeFrame(opcode: .binary, payload: back, maskKey: 0x9A3C_51E7, into: &frame)
            frame.setInteger(UInt8(0xC2), at: frame.readerIndex)
            return frame
        }
    }

    /// A feed of prices in JSON, the same in every run.
    private static func text(_ number: Int, _ count: Int) -> ByteBuffer {
        let names = ["ACME", "GLOBEX", "INITECH", "UMBRELLA", "HOOLI", "STARK", "WAYNE", "TYRELL"]
        var (seed, text) = (UInt32(number + 1) &* 2_654_435_761, "")
        while text.utf8.count < count {
            seed = seed &* 1_664_525 &+ 1_013_904_223
            text +=
                "{\"symbol\":\"\(names[Int(seed >> 29)])\",\"bid\":\(seed >> 16 & 1023),\"size\":\(seed >> 20 & 4095)},\n"
        }
        return ByteBuffer(bytes: text.utf8.prefix(count))
    }
}
