// rtbridge: a client's connection to a session of server-sent events.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire
import NIOCore

/// One GET: what its session sends goes out here, on the worker that the connection came to, which may be another than the
/// session's. Each side calls the other on the other's loop; on the same loop that is a plain call.
///
/// ```
/// asking ──begin──▶ streaming ──end | client gone──▶ over
///    └──refuse──────────────────────────────────────▶
/// ```
final class SSEClient {
    private enum Phase { case asking, streaming, over }

    private let request: FrontRequest
    private let stream: any HTTPFrontStream
    private let session: NIOLoopBound<AnyObject>
    private let name: String
    /// Which of the session's clients this is; later ones have higher numbers.
    private var number = 0
    private var phase = Phase.asking
    /// Bytes that were written and not told the session of, since the client is slow.
    private var unacknowledged = 0

    init(_ request: FrontRequest, _ session: NIOLoopBound<AnyObject>, _ name: String) {
        self.request = request
        self.session = session
        self.name = name
        stream = request.stream
        stream.handler = self
    }

    /// For the session, which may be on another loop.
    var bound: NIOLoopBound<SSEClient> { NIOLoopBound(self, eventLoop: request.worker.eventLoop) }

    /// Comes back to a session that is there.
    func reattach(after number: Int) {
        let bound = bound
        tellSession { $0.attach(bound, after: number) }
    }

    private func tellSession(_ tell: @escaping @Sendable (SSESession) -> Void) {
        let session = session
        SSELoops.run(on: session.eventLoop) {
            guard let session = session.value as? SSESession else { return }
            tell(session)
        }
    }

    // MARK: Commands of the session

    func begin(number: Int, _ first: ByteBuffer) {
        self.number = number
        guard phase == .asking else { return left() }
        phase = .streaming
        var fields = FieldBlock()
        fields.append(":status", "200")
        fields.append("content-type", EventStream.contentType)
        fields.append("cache-control", "no-store")
        // nginx and others that follow it gather answers unless they are told not to.
        fields.append("x-accel-buffering", "no")
        SSEFront.addCORS(request, &fields)
        stream.respond(fields, endStream: false)
        stream.write(first)
    }

    func refuse(_ status: Int, _ text: String?) {
        guard phase == .asking else { return }
        phase = .over
        stream.handler = nil
        SSEFront.answer(request, status, text)
    }

    func write(_ bytes: ByteBuffer) {
        guard phase == .streaming else { return }
        stream.write(bytes)
        unacknowledged += bytes.readableBytes
        acknowledge()
    }

    func end() {
        guard phase == .streaming else { return }
        phase = .over
        stream.finish(nil)
    }

    private func acknowledge() {
        guard unacknowledged > 0, stream.isWritable else { return }
        let (count, number) = (unacknowledged, number)
        unacknowledged = 0
        tellSession { $0.acknowledged(count, by: number) }
    }

    private func left() {
        let number = number
        tellSession { $0.left(number) }
    }
}

extension SSEClient: HTTPFrontHandler {
    func requestBody(_ bytes: ByteBuffer) { stream.consume(bytes.readableBytes) }
    func requestEnded(_ trailers: FieldBlock?) {}

    func requestAborted(_ reason: String) {
        let wasStreaming = phase == .streaming
        phase = .over
        if wasStreaming { left() } else { tellSession { $0.leftBeforeItBegan() } }
    }

    func responseWritable() { acknowledge() }

    /// The session ends with its bridge.
    func drain() { tellSession { $0.drain() } }
}

/// Calls from one worker's loop to another's.
enum SSELoops {
    static func run(on loop: any EventLoop, _ body: @escaping @Sendable () -> Void) {
        if loop.inEventLoop { body() } else { loop.execute(body) }
    }
}

@available(*, unavailable)
extension SSEClient: Sendable {}
