// rtbridge: one call of the demo's gRPC server, on its stream.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import HTTP2Session
import NIOCore

/// Reads requests off a stream, asks ``GreeterState`` what to answer, and answers.
final class GreeterCall: HTTP2StreamDelegate {
    private let stream: HTTP2Stream
    private unowned let connection: GreeterConnection
    private var state = GreeterState(method: nil)
    private var reader = MessageReader()
    private var isHeadSent = false
    /// Request bytes that were taken while replies pile up; the window opens for them later.
    private var unconsumed = 0
    private var timer: Scheduled<Void>?

    init(stream: HTTP2Stream, connection: GreeterConnection) {
        self.stream = stream
        self.connection = connection
    }

    /// The request's head is here.
    func begin(_ fields: FieldBlock, isTooLarge: Bool) {
        // gRPC PROTOCOL-HTTP2.md: "If Content-Type does not begin with "application/grpc", gRPC servers SHOULD respond
        // with HTTP status of 415"; RFC 6585 §5 has 431 for a head that is too large.
        guard !isTooLarge else { return refuse("431") }
        guard fields.string(":method") == "POST" else { return refuse("405") }
        guard fields.string("content-type")?.hasPrefix("application/grpc") == true else { return refuse("415") }
        let path = fields.string(":path") ?? ""
        guard let method = GreeterMethod(path: path) else {
            return run(.fail(GreeterStatus(.unimplemented, "unknown method \(path)")))
        }
        state = GreeterState(method: method)
    }

    private func refuse(_ status: String) {
        isHeadSent = true
        stream.respond(FieldBlock([":status": status, "content-length": "0"]), endStream: true)
    }

    // MARK: HTTP2StreamDelegate

    func http2Fields(_ fields: FieldBlock, kind: HTTP2FieldsKind, isTooLarge: Bool) {}

    func http2Body(_ bytes: ByteBuffer) {
        unconsumed += bytes.readableBytes
        if !state.isOver {
            reader.append(bytes)
            readMessages()
        }
        if stream.isWritable || state.isOver { consume() }
    }

    func http2Ended() {
        guard !state.isOver else { return }
        guard reader.isAtBoundary else {
            return run(.fail(GreeterStatus(.internal, "the request ended inside a message")))
        }
        run(state.requestsEnded())
    }

    func http2Writable() { consume() }

    func http2Closed(_ errorCode: HTTP2ErrorCode, wasNotSent: Bool) {
        state.close()
        timer?.cancel()
        timer = nil
    }

    // MARK: Requests

    private func readMessages() {
        do {
            while !state.isOver, let message = try reader.next() {
                guard let name = HelloMessage.decodeName(message) else {
                    return run(.fail(GreeterStatus(.internal, "the request is not a HelloRequest")))
                }
                run(state.requestArrived(name))
            }
        } catch {
            run(.fail(GreeterStatus(error)))
        }
    }

    private func consume() {
        stream.consume(unconsumed)
        unconsumed = 0
    }

    // MARK: Replies

    private func run(_ action: GreeterState.Action) {
        switch action {
        case .wait: break
        case .reply(let text): reply(text)
        case .replyRepeatedly(let name): sendNext(to: name)
        case .replyAndFinish(let text):
            reply(text)
            finish(.ok)
        case .finish: finish(.ok)
        case .fail(let status): finish(status)
        }
    }

    private func reply(_ text: String) {
        if !isHeadSent { stream.respond(Self.head, endStream: false) }
        isHeadSent = true
        stream.write(HelloMessage.frame(text))
    }

    /// One reply now, the next after a while, until there were ten or the caller is gone.
    private func sendNext(to name: String) {
        // A caller that does not read gets the reply later: nothing piles up.
        if stream.isWritable, let text = state.nextReply(to: name) { reply(text) }
        guard state.hasMoreReplies else { return finish(.ok) }
        timer = connection.schedule(in: connection.replyInterval) { [weak self] in
            guard let self, !state.isOver else { return }
            sendNext(to: name)
            connection.send()
        }
    }

    /// Ends the call. With no reply before it, the status goes into the head (gRPC PROTOCOL-HTTP2.md, "Trailers-Only").
    private func finish(_ status: GreeterStatus) {
        state.close()
        consume()
        if isHeadSent {
            stream.finish(status.fields)
        } else {
            isHeadSent = true
            var fields = Self.head
            fields.append(status.fields)
            stream.respond(fields, endStream: true)
        }
    }

    private static let head = FieldBlock([":status": "200", "content-type": "application/grpc"])
}

@available(*, unavailable)
extension GreeterCall: Sendable {}
