// rtbridge: whole calls: ingress, front leg, exchange, gRPC back-end.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import NIOCore

enum GRPCScenarios {
    static let all = [32, 16 * 1024].flatMap { count in
        [http2("grpc-web-h2-\(count)", web, count), http1(count), http2("grpc-h2-\(count)", native, count)]
    }

    static let native = FieldBlock([
        ":method": "POST", ":scheme": "http", ":path": "/bench.Echo/Unary", ":authority": "localhost",
        "te": "trailers", "content-type": "application/grpc", "user-agent": "grpc-swift",
    ])

    private static let web = FieldBlock([
        ":method": "POST", ":scheme": "http", ":path": "/bench.Echo/Unary", ":authority": "localhost",
        "content-type": "application/grpc-web+proto", "x-grpc-web": "1", "user-agent": "grpc-web-javascript",
    ])

    /// The back-end's answer is the request's message.
    private static func http2(_ name: String, _ fields: FieldBlock, _ count: Int) -> Scenario {
        Scenario(name: name, iterations: 100) {
            let bench = try Bench([.grpcWeb, .grpc], .grpc)
            let (client, server) = (HTTP2Peer(.back), HTTP2Peer(.front))
            let message = Input.message(count)
            return {
                let (answers, bytes) = (client.answers, client.bodyBytes)
                try client.request(fields, message)
                try pump(bench, client, server)
                try NotAsExpected.check("answers", client.answers, answers + 1)
                // A gRPC-Web answer has its trailers behind the message.
                let isWhole = client.bodyBytes - bytes >= message.readableBytes
                try NotAsExpected.check("the message came back", isWhole, true)
            }
        }
    }

    private static func http1(_ count: Int) -> Scenario {
        Scenario(name: "grpc-web-h1-\(count)", iterations: 100) {
            let bench = try Bench([.grpcWeb, .grpc], .grpc)
            let server = HTTP2Peer(.front)
            let message = Input.message(count)
            var request = ByteBuffer(
                string: "POST /bench.Echo/Unary HTTP/1.1\r\nhost: localhost\r\n"
                    + "content-type: application/grpc-web+proto\r\nx-grpc-web: 1\r\n"
                    + "user-agent: grpc-web-javascript\r\ncontent-length: \(message.readableBytes)\r\n\r\n")
            request.writeImmutableBuffer(message)
            return { [request] in
                let answers = server.answers
                try bench.fromFront(Input.copy(request))
                var answer = try pump(bench, nil, server)
                try NotAsExpected.check("answers", server.answers, answers + 1)
                let isWhole = answer.readableBytes > message.readableBytes
                try NotAsExpected.check("the message came back", isWhole, true)
                answer.moveReaderIndex(forwardBy: answer.readableBytes - 5)
                try NotAsExpected.check("the last chunk", String(buffer: answer), "0\r\n\r\n")
            }
        }
    }

    /// Moves bytes until nothing moves.
    /// - Returns: what the bridge sent to its client, where there is no `client` to take it.
    @discardableResult
    private static func pump(_ bench: Bench, _ client: HTTP2Peer?, _ server: HTTP2Peer) throws -> ByteBuffer {
        var answer = ByteBuffer()
        var hasMoved = true
        while hasMoved {
            let fromClient = client?.produce() ?? ByteBuffer()
            if fromClient.readableBytes > 0 { try bench.fromFront(fromClient) }
            let toServer = try bench.toBack()
            if toServer.readableBytes > 0 { try server.session.receive(toServer) }
            let fromServer = bench.hasBack ? server.produce() : ByteBuffer()
            if fromServer.readableBytes > 0 { try bench.fromBack(fromServer) }
            let toClient = try bench.toFront()
            if let client { try client.session.receive(toClient) } else { answer.writeImmutableBuffer(toClient) }
            hasMoved = [fromClient, toServer, fromServer, toClient].contains { $0.readableBytes > 0 }
        }
        return answer
    }
}
