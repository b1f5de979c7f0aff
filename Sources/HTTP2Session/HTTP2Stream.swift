// rtbridge: one HTTP/2 stream: what waits to be sent on it, and whom it tells.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import NIOCore

/// A stream of an ``HTTP2Session``. Belongs to the session's event loop.
///
/// ```
/// peer:  head ──▶ body* ──▶ ended        us:  respond/open ──▶ write* ──▶ finish | reset
///                        └──────── closed ────────┘
/// ```
///
/// What happens is told to the ``delegate``, or to a subclass that overrides ``http2Fields(_:kind:isTooLarge:)`` and those
/// below it: that saves an object a stream, and two counts of references an event.
open class HTTP2Stream {
    /// Above this many waiting bytes ``isWritable`` is false.
    public static let highWatermark = 64 * 1024
    /// Up to this many bytes ``keepWritten()`` keeps.
    public static let maximumKept = HTTP2Buffers.maximumCapacity
    /// Below this many ``HTTP2StreamDelegate/http2Writable()`` is called.
    public static let lowWatermark = 32 * 1024

    /// Where the sending side stands.
    enum Sending { case idle, open, ended, broken, finished }

    public internal(set) final var id: Int32 = -1
    /// Kept until the stream is closed.
    public final var delegate: (any HTTP2StreamDelegate)?

    private final let link: Unmanaged<HTTP2Session>
    /// An empty ByteBuffer would be the same one for all threads, and each count of references to it a matter between them.
    final var output: ByteBuffer?
    /// Whether ``output`` is one of the event loop's, and goes back there.
    private final var isOutputBorrowed = false
    /// What is sent first, until it was.
    final var head: FieldBlock?
    /// Interim heads that go before it.
    final var interims: [FieldBlock]?
    final var trailers: FieldBlock?
    final var sending = Sending.idle
    /// What RST_STREAM will say; the stream is abandoned, and closed once that is sent.
    final var resetCode: HTTP2ErrorCode?
    final var isAboveWatermark = false
    /// Front role: the peer may go on after our end, as in a tunnel (RFC 8441 §5); who set it sees to the stream's end.
    public final var staysOpenAfterEnd = false
    /// Our END_STREAM is on its way.
    final var hasSentEnd = false
    /// Whether everything that was written is still in ``output``, what has left before its reader index.
    final var keepsOutput = false
    /// How many bytes the peer takes now; may be negative (RFC 9113 §6.9.2).
    final var sendWindow = 0
    /// Whether it counts against the peer's SETTINGS_MAX_CONCURRENT_STREAMS.
    final var isOpened = false

    // What arrives.
    final var sawHead = false
    final var peerEnded = false
    final var isClosed = false
    final var wasNotSent = false
    /// Bytes of DATA frames since the last WINDOW_UPDATE, and how many of them were taken.
    final var unacknowledged = 0
    final var consumed = 0
    /// What `content-length` says, and how much of it has come.
    final var expectedLength: Int?
    final var receivedLength = 0
    /// Back role: the request was HEAD.
    final var hasNoBodyInAnswer = false

    // The session's queue that it is in, see HTTP2StreamQueue.
    final var queue = HTTP2StreamQueue.Name.none
    final var queuedBefore: Unmanaged<HTTP2Stream>?
    final var queuedBehind: Unmanaged<HTTP2Stream>?

    // The session's list of its streams.
    final var previous: Unmanaged<HTTP2Stream>?
    final var next: Unmanaged<HTTP2Stream>?

    /// For ``HTTP2Session/open(_:endStream:on:)``, or what ``HTTP2SessionDelegate/http2Stream(of:)`` returns.
    public init(session: HTTP2Session) { link = Unmanaged.passUnretained(session) }

    // MARK: Events

    /// See ``HTTP2StreamDelegate``.
    open func http2Fields(_ fields: consuming FieldBlock, kind: HTTP2FieldsKind, isTooLarge: Bool) {
        delegate?.http2Fields(fields, kind: kind, isTooLarge: isTooLarge)
    }

    open func http2Body(_ bytes: ByteBuffer) {
        guard let delegate else { return consume(bytes.readableBytes) }
        delegate.http2Body(bytes)
    }

    open func http2Ended() { delegate?.http2Ended() }

    open func http2Writable() { delegate?.http2Writable() }

    open func http2Closed(_ errorCode: HTTP2ErrorCode, wasNotSent: Bool) {
        let delegate = delegate
        self.delegate = nil
        delegate?.http2Closed(errorCode, wasNotSent: wasNotSent)
    }

    // MARK: Commands

    /// The session outlives what is done to its streams: those of one that has gone are closed.
    @inline(__always)
    private final func withSession(_ body: (HTTP2Session) -> Void) { link._withUnsafeGuaranteedRef(body) }

    /// Bytes that wait for the peer's window or for the socket.
    public final var pendingBytes: Int { output?.readableBytes ?? 0 }

    public final var isWritable: Bool { !isAboveWatermark }

    /// Keeps what is written as long as all of it fits one of the event loop's small buffers, for ``written``.
    public final func keepWritten() { keepsOutput = true }

    /// All that was written, after ``keepWritten()``; nil if it was more than a small buffer holds. Still there when
    /// ``HTTP2StreamDelegate/http2Closed(_:wasNotSent:)`` is called for a stream that nobody has seen.
    public final var written: ByteBuffer? {
        guard keepsOutput else { return nil }
        var written = output ?? ByteBuffer()
        if isOutputBorrowed { written.moveReaderIndex(to: 0) }
        return written
    }

    /// Whether the peer has half-closed.
    public final var hasPeerEnded: Bool { peerEnded }

    /// Sends the response's head (front role). With `endStream` nothing may follow.
    open func respond(_ fields: FieldBlock, endStream: Bool) {
        guard !isClosed, sending == .idle else { return }
        sending = endStream ? .ended : .open
        head = fields
        withSession { $0.submitFields(self) }
    }

    /// Sends an interim response (1xx) ahead of the response's head (front role).
    public final func inform(_ fields: FieldBlock) {
        guard !isClosed, sending == .idle else { return }
        interims = (interims ?? []) + [fields]
        withSession { $0.submitFields(self) }
    }

    /// Queues body bytes; they leave as the peer's window allows.
    public final func write(_ bytes: ByteBuffer) {
        guard !isClosed, sending == .open, bytes.readableBytes > 0 else { return }
        if pendingBytes == 0, bytes.readableBytes >= 4096 {
            if let output, output.writerIndex > 0 { keepsOutput = false }
            releaseOutput()
            output = bytes
        } else {
            append(bytes)
        }
        if pendingBytes > Self.highWatermark { isAboveWatermark = true }
        resume()
    }

    private final func append(_ bytes: ByteBuffer) {
        if output == nil {
            withSession { output = $0.buffers.take(bytes.readableBytes) }
            isOutputBorrowed = true
        }
        if output.unsafelyUnwrapped.readerIndex > 64 * 1024 {
            keepsOutput = false
            output?.discardReadBytes()
        }
        if !isOutputBorrowed { makeRoom(bytes.readableBytes) }
        output?.writeImmutableBuffer(bytes)
    }

    /// The buffer is shared with who read it: one copy with enough room takes the place of a copy that then has to grow.
    private final func makeRoom(_ count: Int) {
        guard let output, output.readableBytes > 0, output.writableBytes < count else { return }
        var larger = ByteBufferAllocator().buffer(capacity: output.readableBytes + count)
        larger.writeImmutableBuffer(output)
        self.output = larger
    }

    /// Ends our side after what is queued, with trailers or, where nil, with END_STREAM on the last DATA frame.
    open func finish(_ trailers: FieldBlock?) {
        guard !isClosed, sending == .open else { return }
        self.trailers = trailers
        sending = .ended
        resume()
    }

    /// Ends our side after what is queued with RST_STREAM (INTERNAL_ERROR), which nobody can take for a clean end.
    public final func breakOff() {
        guard !isClosed, sending == .open else { return reset(.internalError) }
        sending = .broken
        resume()
    }

    /// Abandons the stream at once; what is queued is dropped. A stream that both sides have ended closes by itself:
    /// a RST_STREAM after each would look like the flood that peers guard against (CVE-2023-44487).
    public final func reset(_ code: HTTP2ErrorCode) {
        // RFC 9113 §5.1: a stream that both sides have ended is closed; the session is about to say so.
        guard !isClosed, resetCode == nil, !(peerEnded && hasSentEnd) else { return }
        abandon(code)
        withSession { $0.submitReset(self) }
    }

    /// Drops what is queued; a reset is all that is still sent.
    final func abandon(_ code: HTTP2ErrorCode) {
        resetCode = code
        sending = .finished
        keepsOutput = false
        releaseOutput()
    }

    /// Opens the peer's window again by `count` bytes that were received and taken.
    public final func consume(_ count: Int) {
        guard !isClosed, count > 0 else { return }
        withSession { $0.consume(self, count) }
    }

    private final func resume() { withSession { $0.submitBody(self) } }

    /// Whether body bytes or an end are still to be sent.
    final var hasBody: Bool { pendingBytes > 0 || sending == .ended || sending == .broken }

    /// Whether something of that can be sent now, as far as it lies with this stream.
    final var canSendBody: Bool {
        guard head == nil, sending != .idle, sending != .finished else { return false }
        return pendingBytes > 0 ? sendWindow > 0 : sending != .open
    }

    /// Drops what is queued.
    final func releaseOutput() {
        guard let buffer = output.take(), isOutputBorrowed else { return }
        isOutputBorrowed = false
        withSession { $0.buffers.giveBack(buffer) }
    }

    /// Called as bytes leave.
    final func drained() {
        // Of a buffer of somebody else's what has left cannot be said to be ours.
        if !isOutputBorrowed { keepsOutput = false }
        if pendingBytes == 0 { emptied() }
        if isAboveWatermark, pendingBytes < Self.lowWatermark {
            isAboveWatermark = false
            withSession { $0.markWritable(self) }
        }
    }
}

extension HTTP2Stream {
    private final func emptied() {
        let (written, capacity) = output.map { ($0.writerIndex, $0.capacity) } ?? (0, 0)
        guard !keepsOutput || !isOutputBorrowed || written > Self.maximumKept else { return }
        keepsOutput = false
        // Nobody else holds it, so this takes no new memory.
        if isOutputBorrowed, capacity <= 16 * 1024 { output?.clear() } else { releaseOutput() }
    }
}

@available(*, unavailable)
extension HTTP2Stream: Sendable {}
