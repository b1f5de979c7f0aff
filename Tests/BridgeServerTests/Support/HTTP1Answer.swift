// rtbridge: HTTP/1.1 as a client of the tests writes and reads it.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

/// A whole answer (RFC 9112 §2.1).
struct HTTP1Answer {
    var status = 0
    var fields: [(name: String, value: String)] = []
    var body: [UInt8] = []
    /// What is left of the bytes if this is not where the next answer begins.
    var isWhole = true

    subscript(_ name: String) -> String? { fields.first { $0.name == name }?.value }

    /// Reads answers one after the other. An answer with neither length nor chunks takes all that is left, as does
    /// a 101.
    static func parse(_ bytes: ByteBuffer, toHead: Bool = false) -> [HTTP1Answer] {
        var rest = Array(bytes.readableBytesView)[...]
        var answers: [HTTP1Answer] = []
        while !rest.isEmpty {
            var answer = HTTP1Answer()
            guard let line = takeLine(&rest), line.hasPrefix("HTTP/1.1 "),
                let status = Int(line.split(separator: " ")[1])
            else {
                answers.append(HTTP1Answer(status: -1, body: Array(rest), isWhole: false))
                return answers
            }
            answer.status = status
            while let line = takeLine(&rest), !line.isEmpty {
                let parts = line.split(separator: ":", maxSplits: 1)
                answer.fields.append((parts[0].lowercased(), parts[1].drop { $0 == " " }.description))
            }
            answer.takeBody(&rest, toHead: toHead)
            answers.append(answer)
        }
        return answers
    }

    private mutating func takeBody(_ rest: inout ArraySlice<UInt8>, toHead: Bool) {
        if status == 100 || status == 204 || toHead { return }
        if status == 101 {
            body = Array(rest)
            rest = []
        } else if self["transfer-encoding"] == "chunked" {
            isWhole = false
            while let line = Self.takeLine(&rest), let count = Int(line, radix: 16) {
                body += rest.prefix(count)
                rest = rest.dropFirst(count)
                isWhole = Self.takeLine(&rest) == "" && count == 0
                if count == 0 { return }
            }
        } else if let count = self["content-length"].flatMap({ Int($0) }) {
            body = Array(rest.prefix(count))
            isWhole = body.count == count
            rest = rest.dropFirst(count)
        } else {
            body = Array(rest)
            rest = []
        }
    }

    private static func takeLine(_ rest: inout ArraySlice<UInt8>) -> String? {
        guard let end = rest.firstIndex(of: 0x0A), end > rest.startIndex, rest[end - 1] == 0x0D else { return nil }
        defer { rest = rest[(end + 1)...] }
        return String(decoding: rest[..<(end - 1)], as: UTF8.self)
    }
}

extension HTTP1Answer {
    /// The messages of a gRPC-Web answer, the trailer frame last (gRPC PROTOCOL-WEB.md).
    var frames: [(flag: UInt8, payload: String)] {
        var bytes = ByteBuffer(bytes: body)
        var frames: [(UInt8, String)] = []
        while let flag = bytes.readInteger(as: UInt8.self), let count = bytes.readInteger(as: UInt32.self),
            let payload = bytes.readString(length: Int(count))
        {
            frames.append((flag, payload))
        }
        return frames
    }
}

/// Requests of the tests.
enum HTTP1Request {
    static func frame(_ payload: String) -> ByteBuffer {
        var frame = ByteBuffer()
        frame.writeInteger(UInt8(0))
        frame.writeInteger(UInt32(payload.utf8.count))
        frame.writeString(payload)
        return frame
    }

    /// A gRPC-Web call with its whole body.
    static func call(
        _ payload: String, path: String = "/call/x", version: String = "1.1", _ fields: String = "host: test\r\n"
    ) -> ByteBuffer {
        let body = frame(payload)
        var request = ByteBuffer(
            string: "POST \(path) HTTP/\(version)\r\n\(fields)content-type: application/grpc-web\r\n"
                + "content-length: \(body.readableBytes)\r\n\r\n")
        request.writeImmutableBuffer(body)
        return request
    }

    /// A WebSocket's opening handshake (RFC 6455 §1.3).
    static let upgrade =
        "GET /ws HTTP/1.1\r\nhost: test\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
        + "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n"

    /// A masked frame of a WebSocket's client (RFC 6455 §5.2); the mask is zero.
    static func webSocketFrame(_ opcode: UInt8, _ payload: [UInt8]) -> [UInt8] {
        let length: [UInt8] =
            payload.count < 126
            ? [0x80 | UInt8(payload.count)]
            : [0x80 | 127] + withUnsafeBytes(of: UInt64(payload.count).bigEndian, Array.init)
        return [0x80 | opcode] + length + [0, 0, 0, 0] + payload
    }
}
