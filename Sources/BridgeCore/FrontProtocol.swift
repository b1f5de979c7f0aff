// rtbridge: what a front protocol is to the ingress.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeWire
import NIOCore

/// A request that has found its route.
public struct FrontRequest {
    public let head: RequestHead
    public let stream: any HTTPFrontStream
    public let route: WorkerRoute
    public let worker: Worker

    public init(head: RequestHead, stream: any HTTPFrontStream, route: WorkerRoute, worker: Worker) {
        self.head = head
        self.stream = stream
        self.route = route
        self.worker = worker
    }
}

/// A protocol that clients speak. Adding one is a type that does this, its leg, and a line in the ingress's registry.
public protocol FrontProtocol {
    static var name: FrontProtocolName { get }
    /// Whether a request speaks this protocol, by its head alone.
    static func recognises(_ head: RequestHead) -> Bool
    /// Answers the request: makes a leg, or refuses with an answer that says why.
    static func accept(_ request: consuming FrontRequest)
    /// Answers a request that speaks this protocol and has no route.
    static func refuse(_ head: RequestHead, _ stream: any HTTPFrontStream)
}

/// Answers that the bridge gives by itself.
public enum LocalAnswer {
    /// Sends a whole answer; the stream leaves the body out where the request was a HEAD.
    ///
    /// - Parameter fields: without `:status` and `content-length`.
    public static func send(
        _ stream: any HTTPFrontStream, status: Int, fields: FieldBlock, body: ByteBuffer
    ) {
        var head = FieldBlock()
        head.append(":status", String(status).utf8)
        head.append("content-length", String(body.readableBytes).utf8)
        head.append(fields)
        guard body.readableBytes > 0 else { return stream.respond(head, endStream: true) }
        stream.respond(head, endStream: false)
        stream.write(body)
        stream.finish(nil)
    }

    /// Passes a back-end's answer on; its length is made anew.
    public static func pass(_ answer: HTTPAnswer, to stream: any HTTPFrontStream) {
        guard answer.body.readableBytes == 0 else {
            return send(stream, status: answer.status, fields: answer.fields, body: answer.body)
        }
        var head = FieldBlock()
        head.append(":status", String(answer.status).utf8)
        head.append(answer.fields)
        stream.respond(head, endStream: true)
    }

    /// Sends a line of text.
    public static func send(
        _ stream: any HTTPFrontStream, status: Int, extra: FieldBlock = FieldBlock(), text: String
    ) {
        var fields = FieldBlock()
        fields.append("content-type", "text/plain; charset=utf-8")
        fields.append(extra)
        send(stream, status: status, fields: fields, body: ByteBuffer(string: text + "\n"))
    }
}
