// rtbridge: one HTTP/2 stream: what waits to be sent on it, and whom it tells.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import CNghttp2
import NIOCore

/// A stream of an ``HTTP2Session``. Belongs to the session's event loop.
///
/// ```
/// peer:  head ──▶ body* ──▶ ended        us:  respond/open ──▶ write* ──▶ finish | reset
///                        └──────── closed ────────┘
/// ```
public final class HTTP2Stream {
    /// Above this many waiting bytes ``isWritable`` is false.
    public static let highWatermark = 64 * 1024
    /// Up to this many bytes ``keepWritten()`` keeps.
    public static let maximumKept = HTTP2Buffers.maximumCapacity
    /// Below this many ``HTTP2StreamDelegate/http2Writable()`` is called.
    public static let lowWatermark = 32 * 1024

    /// Where the sending side stands.
    enum Sending { case idle, open, ended, broken, finished }

    public internal(set) var id: Int32
    /// Kept until the stream is closed.
    public var delegate: (any HTTP2StreamDelegate)?

    private let link: Unmanaged<HTTP2Session>
    var output = ByteBuffer()
    /// Whether ``output`` is one of the event loop's, and goes back there.
    private var isOutputBorrowed = false
    /// What was sent first; libnghttp2 has no copy.
    var head: FieldBlock?
    /// The same goes for these.
    var trailers: FieldBlock?
    var sending = Sending.idle
    var isDeferred = false
    var isAboveWatermark = false
    /// Front role: the peer may go on after our end, as in a tunnel (RFC 8441 §5); who set it sees to the stream's end.
    public var staysOpenAfterEnd = false
    /// Our END_STREAM is on its way.
    var hasSentEnd = false
    /// Whether everything that was written is still in ``output``, what has left before its reader index.
    var keepsOutput = false
    /// Bytes of ``output`` that are announced in a frame's header, and have to follow it.
    var inFrame = 0

    // What arrives.
    var sawHead = false
    var peerEnded = false
    var isClosed = false
    var wasNotSent = false

    // The session's list of its streams.
    var previous: Unmanaged<HTTP2Stream>?
    var next: Unmanaged<HTTP2Stream>?

    init(id: Int32, session: HTTP2Session) {
        self.id = id
        link = Unmanaged.passUnretained(session)
    }

    /// The session outlives what is done to its streams: those of one that has gone are closed.
    @inline(__always)
    private func withSession(_ body: (HTTP2Session) -> Void) { link._withUnsafeGuaranteedRef(body) }

    /// Bytes that wait for the peer's window or for the socket.
    public var pendingBytes: Int { output.readableBytes }

    public var isWritable: Bool { !isAboveWatermark }

    /// Keeps what is written as long as all of it fits one of the event loop's small buffers, for ``written``.
    public func keepWritten() { keepsOutput = true }

    /// All that was written, after ``keepWritten()``; nil if it was more than a small buffer holds. Still there when
    /// ``HTTP2StreamDelegate/http2Closed(_:wasNotSent:)`` is called for a stream that nobody has seen.
    public var written: ByteBuffer? {
        guard keepsOutput else { return nil }
        var written = output
        if isOutputBorrowed { written.moveReaderIndex(to: 0) }
        return written
    }

    /// Whether the peer has half-closed.
    public var hasPeerEnded: Bool { peerEnded }

    /// Sends the response's head (front role). With `endStream` nothing may follow.
    public func respond(_ fields: FieldBlock, endStream: Bool) {
        guard !isClosed, sending == .idle else { return }
        sending = endStream ? .finished : .open
        withSession { $0.submitResponse(self, fields, endStream: endStream) }
    }

    /// Sends an interim response (1xx) ahead of the response's head (front role).
    public func inform(_ fields: FieldBlock) {
        guard !isClosed, sending == .idle else { return }
        withSession { $0.submitInterim(self, fields) }
    }

    /// Queues body bytes; they leave as the peer's window allows.
    public func write(_ bytes: ByteBuffer) {
        guard !isClosed, sending == .open, bytes.readableBytes > 0 else { return }
        if output.readableBytes == 0, bytes.readableBytes >= 4096 {
            if output.writerIndex > 0 { keepsOutput = false }
            releaseOutput()
            output = bytes
        } else {
            if output.capacity == 0 {
                withSession { output = $0.buffers.take() }
                isOutputBorrowed = true
            }
            if output.readerIndex > 64 * 1024 {
                keepsOutput = false
                output.discardReadBytes()
            }
            if !isOutputBorrowed { makeRoom(bytes.readableBytes) }
            output.writeImmutableBuffer(bytes)
        }
        if output.readableBytes > Self.highWatermark { isAboveWatermark = true }
        resume()
    }

    /// The buffer is shared with who read it: one copy with enough room takes the place of a copy that then has to grow.
    private func makeRoom(_ count: Int) {
        guard output.readableBytes > 0, output.writableBytes < count else { return }
        var larger = ByteBufferAllocator().buffer(capacity: output.readableBytes + count)
        larger.writeImmutableBuffer(output)
        output = larger
    }

    /// Ends our side after what is queued, with trailers or, where nil, with END_STREAM on the last DATA frame.
    public func finish(_ trailers: FieldBlock?) {
        guard !isClosed, sending == .open else { return }
        self.trailers = trailers
        sending = .ended
        resume()
    }

    /// Ends our side after what is queued with RST_STREAM (INTERNAL_ERROR), which nobody can take for a clean end.
    public func breakOff() {
        guard !isClosed, sending == .open else { return reset(.internalError) }
        sending = .broken
        resume()
    }

    /// Abandons the stream at once; what is queued is dropped. A stream that both sides have ended closes by itself:
    /// a RST_STREAM after each would look like the flood that peers guard against (CVE-2023-44487).
    public func reset(_ code: HTTP2ErrorCode) {
        // RFC 9113 §5.1: a stream that both sides have ended is closed; the session is about to say so.
        guard !isClosed, !(peerEnded && hasSentEnd) else { return }
        sending = .finished
        // What a DATA frame has begun with is still asked for; everything else is dropped.
        let promised = inFrame > 0 ? ByteBuffer(bytes: output.readableBytesView.prefix(inFrame)) : ByteBuffer()
        keepsOutput = false
        releaseOutput()
        output = promised
        withSession { $0.submitReset(self, code) }
    }

    /// Opens the peer's window again by `count` bytes that were received and taken.
    public func consume(_ count: Int) {
        guard !isClosed, count > 0 else { return }
        withSession { $0.consume(self, count) }
    }

    private func resume() {
        guard isDeferred else { return }
        isDeferred = false
        withSession { $0.resumeData(self) }
    }

    /// Drops what is queued.
    func releaseOutput() {
        guard isOutputBorrowed || output.capacity > 0 else { return }
        var buffer = ByteBuffer()
        swap(&buffer, &output)
        guard isOutputBorrowed else { return }
        isOutputBorrowed = false
        withSession { $0.buffers.giveBack(buffer) }
    }

    /// Called as bytes leave.
    func drained() {
        // Of a buffer of somebody else's what has left cannot be said to be ours.
        if !isOutputBorrowed { keepsOutput = false }
        if output.readableBytes == 0, !keepsOutput || !isOutputBorrowed || output.writerIndex > Self.maximumKept {
            keepsOutput = false
            if isOutputBorrowed, output.capacity <= 16 * 1024 { output.clear() } else { releaseOutput() }
        }
        if isAboveWatermark, output.readableBytes < Self.lowWatermark {
            isAboveWatermark = false
            withSession { $0.markWritable(self) }
        }
    }
}

@available(*, unavailable)
extension HTTP2Stream: Sendable {}
