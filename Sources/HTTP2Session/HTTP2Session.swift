// rtbridge: one end of an HTTP/2 connection as a Swift value: bytes in, events out, bytes out.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import NIOCore

/// One end of an HTTP/2 connection (RFC 9113), without I/O: feed it with ``receive(_:)``, and send what
/// ``produce(into:limit:)`` makes. Belongs to one event loop.
///
/// Windows are opened by ``HTTP2Stream/consume(_:)`` alone, which is the back-pressure. What a peer can make the session
/// hold or do is bounded: fields, frames that wait to be sent, resets, CONTINUATION and SETTINGS.
///
/// The server's push is refused (RFC 9113 §8.4), and priorities are ignored, as RFC 9113 §5.3.2 leaves to the receiver: streams take
/// turns, a frame each.
public final class HTTP2Session {
    public let role: HTTP2Role
    public unowned(unsafe) var delegate: (any HTTP2SessionDelegate)?
    /// The session can be used no more.
    public internal(set) var isFailed = false
    /// Streams that are open.
    public internal(set) var streamCount = 0
    /// Why the session told its peer to go away; nil: it did not, or for no fault of the peer's.
    public internal(set) var violation: HTTP2SessionError?

    let options: HTTP2Options
    let buffers: HTTP2Buffers

    // Streams.
    var first: Unmanaged<HTTP2Stream>?
    var table = HTTP2StreamTable()
    /// The stream that was looked for last; 0 is none's identifier.
    var recent: Unmanaged<HTTP2Stream>?
    var recentID: Int32 = 0
    /// Streams that have left during a callback.
    var retired: [Unmanaged<HTTP2Stream>] = []
    var urgent = HTTP2StreamQueue(.urgent)
    var bodies = HTTP2StreamQueue(.bodies)
    var starved = HTTP2StreamQueue(.starved)
    var waiting = HTTP2StreamQueue(.waiting)
    /// Streams of ours that count against the peer's limit (back role).
    var openedCount = 0
    /// The identifier of the next stream that is opened (back role).
    var nextID: Int32 = 1
    /// The last one that the peer was told of.
    var lastSentID: Int32 = 0
    /// The last stream that the peer has opened (front role), taken or not.
    var lastPeerID: Int32 = 0
    /// The last one that was taken.
    var lastTakenID: Int32 = 0

    // Receiving.
    var reader = HTTP2Reader()
    var decoder = HPACKDecoder()
    var peer = HTTP2PeerSettings()
    /// The block of fields that is being received: one is whole before the next begins (RFC 9113 §4.3).
    var fields = FieldBlock()
    /// The buffer that is being parsed, so that body pieces can be slices of it.
    var input: ByteBuffer?
    var inputBase: UnsafeRawPointer?
    /// Bytes of DATA frames that count against the connection's window: taken since the last WINDOW_UPDATE.
    var connectionTaken = 0
    /// Bytes that the peer may still send without a WINDOW_UPDATE.
    var connectionRoom: Int
    /// SETTINGS of ours that the peer has not acknowledged.
    var unacknowledgedSettings = 1
    var resets = HTTP2ResetGuard()
    /// A flood that no GOAWAY is waited for.
    var isFlooded = false
    var goawayReceived = false
    /// The last stream that the peer will take (RFC 9113 §6.8).
    var peerLastID: Int32 = .max

    // Sending.
    var encoder = HPACKEncoder()
    var output = ByteBuffer()
    /// Frames of the connection's own, ready as they are.
    var control: ByteBuffer?
    /// How many frames are in ``control``, and how many of them answer the peer's.
    var controlFrames = 0
    var acknowledgements = 0
    /// What the peer lets us send on all streams together.
    var sendWindow = HTTP2PeerSettings.defaultWindow
    var goawaySent = false
    /// The last GOAWAY is on its way or out; nothing follows it.
    var isTerminated = false
    var newlyWritable: [HTTP2Stream] = []
    var isBusy = false
    var isOutputTold = false
    var isConnectionLost = false

    /// - Parameter buffers: those of the event loop, where many sessions share them.
    public init(role: HTTP2Role, options: HTTP2Options = HTTP2Options(), buffers: HTTP2Buffers = HTTP2Buffers()) {
        self.role = role
        self.options = options
        self.buffers = buffers
        connectionRoom = max(Int(options.connectionWindow), HTTP2PeerSettings.defaultWindow)
        if role == .back { reader.skipPreface() }
        greet()
    }

    deinit {
        isBusy = false
        isConnectionLost = true
        while let stream = first?.takeUnretainedValue() {
            stream.isClosed = true
            unlink(stream)
        }
        releaseRetired()
    }

    // MARK: In and out

    /// Parses what the peer sent and tells the delegates. A peer that breaks the protocol is sent a GOAWAY, see
    /// ``violation`` and ``isOver``.
    /// - Throws: ``HTTP2SessionError`` if the peer speaks no HTTP/2, or floods us; send what ``produce(into:limit:)`` still
    ///   makes (a GOAWAY), then close.
    public func receive(_ buffer: ByteBuffer) throws(HTTP2SessionError) {
        guard !isFailed else { return }
        precondition(!isBusy, "HTTP2Session.receive: called from within a callback")
        isBusy = true
        input = buffer
        buffer.withUnsafeReadableBytes { bytes in
            inputBase = bytes.baseAddress
            parse(bytes)
        }
        input = nil
        inputBase = nil
        // The connection's window never shuts; only the stream's does (see HTTP2Options.connectionWindow).
        openConnectionWindow()
        isBusy = false
        releaseRetired()
        tellWritable()
        if isFlooded || controlFrames > maximumControlFrames || acknowledgements > Self.maximumAcknowledgements {
            throw flooded()
        }
        if reader.isNotHTTP2 {
            violation = HTTP2SessionError(.protocolError, "no HTTP/2 connection preface")
            throw fail(violation.unsafelyUnwrapped)
        }
    }

    /// Answers to PING and SETTINGS that may wait (CVE-2019-9512, CVE-2019-9515).
    private static let maximumAcknowledgements = 1000

    /// A peer that makes us refuse or reset streams, and reads nothing of it, is stopped here (CVE-2019-9514). What is
    /// queued for honest streams is less: a window update and a reset for each.
    private var maximumControlFrames: Int {
        switch role {
        case .front: 2048 + 4 * Int(options.maxConcurrentStreams)
        case .back: .max
        }
    }

    private func flooded() -> HTTP2SessionError {
        let error =
            violation ?? HTTP2SessionError(.enhanceYourCalm, "flood: more frames wait to be sent than the peer reads")
        end(error)
        return fail(error)
    }

    private func fail(_ error: HTTP2SessionError) -> HTTP2SessionError {
        isFailed = true
        return error
    }

    /// Appends what is ready to be sent, until `limit` bytes are there; at most one frame of 16 KiB more.
    /// - Returns: whether more may be ready.
    public func produce(into buffer: inout ByteBuffer, limit: Int) -> Bool {
        guard !isConnectionLost else { return false }
        precondition(!isBusy, "HTTP2Session.produce: called from within a callback")
        isBusy = true
        isOutputTold = false
        swap(&output, &buffer)
        sendControl()
        while !isTerminated, !isConnectionLost, output.readableBytes < limit, let stream = urgent.first ?? bodies.first
        {
            stream._withUnsafeGuaranteedRef { serve($0) }
            // What a stream's owner did in its callback may be of the connection.
            if control != nil { sendControl() }
        }
        swap(&output, &buffer)
        isBusy = false
        releaseRetired()
        tellWritable()
        return wantsWrite
    }

    /// Whether there is something to send.
    public var wantsWrite: Bool {
        guard !isConnectionLost else { return false }
        return control != nil || (!isTerminated && !(urgent.isEmpty && bodies.isEmpty))
    }

    /// Whether the session is over: nothing more is to be read or written.
    public var isOver: Bool {
        let isIdle = streamCount == 0 && (goawaySent || goawayReceived)
        return (isTerminated || isIdle) && !wantsWrite
    }

    // MARK: Commands

    /// Opens a stream (back role).
    /// - Returns: nil if no stream can be opened any more (GOAWAY, or all identifiers used).
    public func open(
        _ fields: FieldBlock, endStream: Bool, delegate: any HTTP2StreamDelegate
    ) -> HTTP2Stream? {
        let stream = HTTP2Stream(session: self)
        stream.delegate = delegate
        return open(fields, endStream: endStream, on: stream) ? stream : nil
    }

    /// Opens a stream of the caller's making (back role). It waits for its turn where the peer has as many as it takes.
    /// - Returns: false if no stream can be opened any more (GOAWAY, or all identifiers used).
    public func open(_ fields: FieldBlock, endStream: Bool, on stream: HTTP2Stream) -> Bool {
        guard !isFailed, !isTerminated, !goawayReceived, !goawaySent, nextID > 0 else { return false }
        stream.id = nextID
        nextID &+= 2  // negative after the last one
        stream.sending = endStream ? .ended : .open
        stream.head = fields
        stream.hasNoBodyInAnswer = fields.withFirst(":method") { FieldBytes.areEqual($0, "HEAD") } ?? false
        link(stream)
        if waiting.isEmpty, openedCount < Int(peer.maxConcurrentStreams) {
            start(stream)
        } else {
            waiting.append(stream)
        }
        tellOutput()
        return true
    }

    /// Streams that the peer lets us have open at a time (back role).
    public var peerMaxConcurrentStreams: UInt32 { peer.maxConcurrentStreams }

    /// Calls `body` with every open stream; it may close them.
    public func forEachStream(_ body: (HTTP2Stream) -> Void) {
        var streams: [HTTP2Stream] = []
        var link = first
        while let stream = link?.takeUnretainedValue() {
            streams.append(stream)
            link = stream.next
        }
        streams.forEach(body)
    }

    /// Sends a PING.
    public func ping() {
        let zeros: UInt64 = 0
        withUnsafeBytes(of: zeros) { say(.ping, payload: $0) }
    }

    /// Says that no new streams will be taken, while those in flight go on (RFC 9113 §6.8: a first GOAWAY
    /// "with the last stream identifier set to 2^31-1"). ``goaway(_:)`` ends the grace a round trip later.
    public func announceShutdown() { sayGoaway(.noError, last: .max) }

    /// Sends GOAWAY with the last stream that was taken; streams in flight go on.
    public func goaway(_ code: HTTP2ErrorCode) {
        guard !isTerminated else { return }
        sayGoaway(code, last: lastTakenID)
        goawaySent = true
    }

    /// Sends GOAWAY and ends the session; all streams are lost.
    public func terminate(_ code: HTTP2ErrorCode) {
        guard !isTerminated else { return }
        sayGoaway(code, last: lastTakenID)
        isTerminated = true
        reader.stop()
    }

    /// Closes all streams because the connection is gone. Nothing is produced after this.
    public func connectionLost(_ code: HTTP2ErrorCode) {
        isFailed = true
        isConnectionLost = true
        while let stream = first?.takeUnretainedValue() {
            if role == .back, stream.head != nil { stream.wasNotSent = true }
            close(stream, code)
        }
    }
}

@available(*, unavailable)
extension HTTP2Session: Sendable {}
