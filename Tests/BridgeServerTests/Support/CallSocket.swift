// rtbridge: a client of gRPC over WebSocket, in memory.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import NIOCore

@testable import BridgeServer

/// Opens a WebSocket on a ``FrontBench`` and speaks improbable-eng's transport, or Deephaven's for many calls.
final class CallSocket {
    enum Received: Equatable {
        case message([UInt8])
        case ping
        case close(UInt16?)
    }

    let bench: FrontBench
    private(set) var answer = HTTP1Answer()
    private var decoder = WebSocketDecoder(role: .client, maxMessageBytes: 1 << 24)
    private var message: [UInt8] = []

    /// - Parameter fields: further lines of the opening request.
    init(
        _ bench: FrontBench, _ protocols: String = "grpc-websockets", path: String = "/call/x", _ fields: String = ""
    ) throws {
        self.bench = bench
        try bench.send(
            "GET \(path) HTTP/1.1\r\nhost: test\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
                + "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n"
                + "sec-websocket-protocol: \(protocols)\r\n\(fields)\r\n")
        answer = try bench.answers().first ?? answer
    }

    // MARK: The client's messages

    func send(_ bytes: [UInt8], opcode: UInt8 = 2) throws {
        try bench.send(ByteBuffer(bytes: HTTP1Request.webSocketFrame(opcode, bytes)))
    }

    func sendBlock(_ lines: String = "content-type: application/grpc-web+proto\r\n") throws {
        try send(Array(lines.utf8))
    }

    func sendFrame(_ payload: String) throws { try send([0] + Self.frame(payload)) }
    func sendEnd() throws { try send([1]) }
    func close(_ code: UInt16 = 1000) throws { try send([UInt8(code >> 8), UInt8(code & 0xFF)], opcode: 8) }

    // MARK: The same with a stream's number

    func open(_ number: UInt32, path: String = "call/x", _ lines: String = "") throws {
        try send(Self.prefix(number) + Array("grpc-websockets-path: \(path)\r\n\(lines)".utf8))
    }

    func sendFrame(_ number: UInt32, _ payload: String) throws {
        try send(Self.prefix(number) + [0] + Self.frame(payload))
    }

    func sendEnd(_ number: UInt32) throws { try send(Self.prefix(number | 1 << 31) + [1]) }

    static func prefix(_ number: UInt32) -> [UInt8] { withUnsafeBytes(of: number.bigEndian, Array.init) }
    static func frame(_ payload: String) -> [UInt8] { Array(HTTP1Request.frame(payload).readableBytesView) }

    // MARK: The bridge's messages

    /// What has come since the last time.
    func receive() throws -> [Received] {
        decoder.append(try bench.receive())
        var received: [Received] = []
        while let event = try decoder.next() {
            switch event {
            case .data(let bytes, _, let endsMessage):
                message += Array(bytes.readableBytesView)
                guard endsMessage else { continue }
                received.append(.message(message))
                message = []
            case .ping: received.append(.ping)
            case .pong: break
            case .close(let code, _): received.append(.close(code?.rawValue))
            }
        }
        return received
    }

    /// The frames of a call that has a WebSocket of its own: "80 grpc-status:0…", "00 payload".
    func frames() throws -> [String] {
        var bytes = ByteBuffer()
        var texts: [String] = []
        for event in try receive() {
            switch event {
            case .message(let message): bytes.writeBytes(message)
            case .ping: texts.append("ping")
            case .close(let code):
                texts += Self.frames(&bytes)
                texts.append("close \(code.map(String.init) ?? "")")
            }
        }
        return texts + Self.frames(&bytes)
    }

    /// The frames of each message with its stream's number: "7 80 …", "7! 80 …" for a final one.
    func numberedFrames() throws -> [String] {
        try receive().flatMap { event -> [String] in
            switch event {
            case .message(let message):
                var bytes = ByteBuffer(bytes: message)
                let stream = GRPCWebSocketStreamID(wire: bytes.readInteger() ?? 0)
                let name = "\(stream.number)\(stream.isFinal ? "!" : "")"
                let frames = Self.frames(&bytes)
                return frames.isEmpty ? [name] : frames.map { "\(name) \($0)" }
            case .ping: return ["ping"]
            case .close(let code): return ["close \(code.map(String.init) ?? "")"]
            }
        }
    }

    /// Whole frames; lines of a block are told apart by commas.
    private static func frames(_ bytes: inout ByteBuffer) -> [String] {
        var texts: [String] = []
        while bytes.readableBytes >= 5, let length: UInt32 = bytes.getInteger(at: bytes.readerIndex + 1),
            bytes.readableBytes >= 5 + Int(length), let flag: UInt8 = bytes.readInteger()
        {
            bytes.moveReaderIndex(forwardBy: 4)
            let payload = bytes.readString(length: Int(length)) ?? ""
            let lines = payload.split(whereSeparator: { $0 == "\r\n" }).joined(separator: ", ")
            texts.append((flag == 0x80 ? "80 " : "00 ") + lines)
        }
        if bytes.readableBytes > 0 { texts.append("rest of \(bytes.readableBytes)") }
        bytes.clear()
        return texts
    }
}
