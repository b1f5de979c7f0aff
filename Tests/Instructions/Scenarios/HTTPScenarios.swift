// rtbridge: whole requests to an HTTP/1.1 back-end: ingress, front leg, exchange, a kept connection.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import NIOCore

/// A POST, and an answer with as long a body.
enum HTTPScenarios {
    static let all = [32, 16 * 1024].flatMap { count in [http1(count), http2(count)] }

    private static func fields(_ count: Int) -> FieldBlock {
        FieldBlock([
            ":method": "POST", ":scheme": "http", ":path": "/http/Echo", ":authority": "localhost",
            "content-type": "application/octet-stream", "user-agent": "h2load", "content-length": "\(count)",
        ])
    }

    private static func answer(_ count: Int) -> ByteBuffer {
        var answer = ByteBuffer(
            string: "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: \(count)\r\n\r\n")
        answer.writeImmutableBuffer(Input.bytes(count))
        return answer
    }

    private static func http1(_ count: Int) -> Scenario {
        Scenario(name: "http-h1-\(count)", iterations: 100) {
            let bench = try Bench([.http], .http)
            let answer = answer(count)
            var request = ByteBuffer(
                string: "POST /http/Echo HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/octet-stream\r\n"
                    + "user-agent: h2load\r\ncontent-length: \(count)\r\n\r\n")
            request.writeImmutableBuffer(Input.bytes(count))
            return { [request] in
                try bench.fromFront(Input.copy(request))
                try forwarded(bench, count)
                try bench.fromBack(Input.copy(answer))
                var back = try bench.toFront()
                try NotAsExpected.check("the status", back.getString(at: back.readerIndex, length: 12), "HTTP/1.1 200")
                back.moveReaderIndex(forwardBy: max(0, back.readableBytes - count))
                try NotAsExpected.check("the body came back", back, Input.bytes(count))
            }
        }
    }

    private static func http2(_ count: Int) -> Scenario {
        Scenario(name: "http-h2-\(count)", iterations: 100) {
            let bench = try Bench([.http], .http)
            let client = HTTP2Peer(.back)
            let (fields, body, answer) = (fields(count), Input.bytes(count), answer(count))
            return {
                let (answers, bytes) = (client.answers, client.bodyBytes)
                try client.request(fields, body)
                try bench.fromFront(client.produce())
                try client.session.receive(bench.toFront())
                try forwarded(bench, count)
                try bench.fromBack(Input.copy(answer))
                try client.session.receive(bench.toFront())
                // What the client's windows and acknowledgements have to say.
                let rest = client.produce()
                if rest.readableBytes > 0 { try bench.fromFront(rest) }
                try client.session.receive(bench.toFront())
                try NotAsExpected.check("answers", client.answers, answers + 1)
                try NotAsExpected.check("bytes of the body", client.bodyBytes, bytes + count)
            }
        }
    }

    /// What has reached the back-end ends with the whole body.
    private static func forwarded(_ bench: Bench, _ count: Int) throws {
        var request = try bench.toBack()
        try NotAsExpected.check("the method", request.getString(at: request.readerIndex, length: 5), "POST ")
        request.moveReaderIndex(forwardBy: max(0, request.readableBytes - count))
        try NotAsExpected.check("the body", request, Input.bytes(count))
    }
}
