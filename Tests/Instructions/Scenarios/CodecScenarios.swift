// rtbridge: codecs, each by itself.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import NIOCore

enum CodecScenarios {
    static let all: [Scenario] = {
        let sizes = [(64, 1000), (16 * 1024, 100), (1024 * 1024, 2)]
        let frames = sizes.flatMap { count, iterations in [decode(count, iterations), encode(count, iterations)] }
        let bodies = [32, 16 * 1024].flatMap { count in [response(count), textRequest(count), textResponse(count)] }
        return frames + bodies + [scan()]
    }()

    private static let limit = 4 * 1024 * 1024

    private static func decode(_ count: Int, _ iterations: Int) -> Scenario {
        Scenario(name: "websocket-decode-\(count)", iterations: iterations) {
            let template = Input.frame(count)
            var decoder = WebSocketDecoder(role: .server, maxMessageBytes: limit)
            return {
                var read = Input.copy(template)
                var (got, ends) = (0, 0)
                try Meter.counted {
                    decoder.append(read)
                    read = ByteBuffer()
                    while case .data(let bytes, _, let endsMessage) = try decoder.next() {
                        got += bytes.readableBytes
                        ends += endsMessage ? 1 : 0
                    }
                }
                try NotAsExpected.check("bytes and messages", [got, ends], [count, 1])
            }
        }
    }

    private static func encode(_ count: Int, _ iterations: Int) -> Scenario {
        Scenario(name: "websocket-encode-\(count)", iterations: iterations) {
            let payload = Input.bytes(count)
            return {
                var frame = ByteBuffer()
                try Meter.counted { WebSocketEncoder.writeFrame(opcode: .binary, payload: payload, into: &frame) }
                let length = count + WebSocketEncoder.headerLength(payloadLength: count, masked: false)
                try NotAsExpected.check("bytes", frame.readableBytes, length)
            }
        }
    }

    private static func response(_ count: Int) -> Scenario { body("grpc-web-response-\(count)", count, isText: false) }

    private static func textResponse(_ count: Int) -> Scenario {
        body("grpc-web-text-response-\(count)", count, isText: true)
    }

    /// One message and the trailer frame behind it.
    private static func body(_ name: String, _ count: Int, isText: Bool) -> Scenario {
        Scenario(name: name, iterations: 200) {
            let message = Input.message(count)
            let trailers = FieldBlock(["grpc-status": "0", "grpc-message": "all is well"])
            return {
                var (first, last) = (ByteBuffer(), ByteBuffer())
                try Meter.counted {
                    var body = GRPCWebResponseBody(
                        text: isText, encoding: nil, clientAccepts: nil, maxMessageBytes: limit)
                    first = try body.transform(message)
                    try body.finish()
                    body.writeTrailers(trailers, into: &last)
                }
                let length = message.readableBytes
                try NotAsExpected.check(
                    "bytes", first.readableBytes, isText ? Base64Encoder.encodedLength(length) : length)
            }
        }
    }

    private static func textRequest(_ count: Int) -> Scenario {
        Scenario(name: "grpc-web-text-request-\(count)", iterations: 200) {
            let message = Input.message(count)
            let text = Input.base64(message)
            return {
                var bytes = ByteBuffer()
                try Meter.counted {
                    var body = GRPCWebRequestBody(text: true, maxMessageBytes: limit)
                    bytes = try body.transform(text)
                    try body.finish()
                }
                try NotAsExpected.check("bytes", bytes.readableBytes, message.readableBytes)
            }
        }
    }

    /// Sixteen messages of 123 bytes, cut in the middle of a prefix.
    private static func scan() -> Scenario {
        Scenario(name: "grpc-frames-16", iterations: 500) {
            var messages = ByteBuffer()
            for _ in 0..<16 { messages.writeImmutableBuffer(Input.message(123)) }
            let cut = messages.getSlice(at: 0, length: 8 * 128 + 3)!
            let rest = messages.getSlice(at: 8 * 128 + 3, length: 8 * 128 - 3)!
            return {
                var scanner = GRPCFrameScanner(maxMessageBytes: limit)
                try Meter.counted {
                    try cut.withUnsafeReadableBytes { try scanner.scan($0) }
                    try rest.withUnsafeReadableBytes { try scanner.scan($0) }
                }
                try NotAsExpected.check("messages", scanner.frameCount, 16)
            }
        }
    }
}
