// rtbridge: libnghttp2 as a Swift value: bytes in, events out, bytes out.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import CNghttp2
import NIOCore

/// One end of an HTTP/2 connection (RFC 9113), without I/O: feed it with ``receive(_:)``, and send what
/// ``produce(into:limit:)`` makes. Belongs to one event loop.
///
/// Windows are opened by ``HTTP2Stream/consume(_:)`` alone, which is the back-pressure. libnghttp2's guards against
/// floods (resets, CONTINUATION, SETTINGS, PING) are on.
public final class HTTP2Session {
    public let role: HTTP2Role
    public unowned(unsafe) var delegate: (any HTTP2SessionDelegate)?
    /// The session can be used no more.
    public private(set) var isFailed = false
    /// Streams that are open.
    public internal(set) var streamCount = 0

    let options: HTTP2Options
    let buffers: HTTP2Buffers
    var session: OpaquePointer!
    var first: Unmanaged<HTTP2Stream>?
    /// The stream that was looked for last; 0 is none's identifier.
    var recent: Unmanaged<HTTP2Stream>?
    var recentID: Int32 = 0
    /// Streams that have left during a callback.
    var retired: [Unmanaged<HTTP2Stream>] = []
    /// The block of fields that is being received: one is whole before the next begins (RFC 9113 §4.3).
    var fields = FieldBlock()
    var fieldsAreTooLarge = false
    /// The buffer that is being parsed, so that body pieces can be slices of it.
    var input: ByteBuffer?
    var inputBase: UnsafeRawPointer?
    /// Body bytes in ``input``.
    var receivedBody = 0
    var output = ByteBuffer()
    private var newlyWritable: [HTTP2Stream] = []
    /// How many bytes ``output`` may hold before it is full, and whether it was.
    var outputLimit = 0
    var isOutputFull = false
    private(set) var isBusy = false
    private var isOutputTold = false
    private(set) var isConnectionLost = false

    /// - Parameter buffers: those of the event loop, where many sessions share them.
    public init(role: HTTP2Role, options: HTTP2Options = HTTP2Options(), buffers: HTTP2Buffers = HTTP2Buffers()) {
        self.role = role
        self.options = options
        self.buffers = buffers
        session = makeSession()
        submitSettings()
    }

    deinit {
        isBusy = false
        while let stream = first?.takeUnretainedValue() {
            stream.isClosed = true
            unlink(stream)
        }
        releaseRetired()
        nghttp2_session_del(session)
    }

    // MARK: In and out

    /// Parses what the peer sent and tells the delegates.
    /// - Throws: ``HTTP2SessionError`` if the connection is beyond repair; send what ``produce(into:limit:)`` still
    ///   makes (a GOAWAY), then close.
    public func receive(_ buffer: ByteBuffer) throws(HTTP2SessionError) {
        guard !isFailed else { return }
        precondition(!isBusy, "HTTP2Session.receive: called from within a callback")
        isBusy = true
        input = buffer
        let result = buffer.withUnsafeReadableBytes { bytes -> Int in
            inputBase = bytes.baseAddress
            return nghttp2_session_mem_recv(session, bytes.bindMemory(to: UInt8.self).baseAddress, bytes.count)
        }
        input = nil
        inputBase = nil
        if receivedBody > 0 {
            // The connection's window never shuts; only the stream's does (see HTTP2Options.connectionWindow).
            nghttp2_session_consume_connection(session, receivedBody)
            receivedBody = 0
        }
        isBusy = false
        releaseRetired()
        tellWritable()
        if result < 0 { throw fail(Int32(result)) }
        guard nghttp2_session_get_outbound_queue_size(session) <= maximumQueuedFrames else {
            throw fail(NGHTTP2_ERR_FLOODED.rawValue)
        }
    }

    /// libnghttp2 counts answers to PING and SETTINGS alone; a peer that makes us refuse or reset streams, and reads
    /// nothing of it, is stopped here (CVE-2019-9514). What is queued for honest streams is less: head, trailers,
    /// a window update and a reset for each. The back role queues what we ask for, which is not the peer's doing.
    private var maximumQueuedFrames: Int {
        switch role {
        case .front: 2048 + 4 * Int(options.maxConcurrentStreams)
        case .back: .max
        }
    }

    private func fail(_ code: Int32) -> HTTP2SessionError {
        isFailed = true
        return HTTP2SessionError(code: code)
    }

    /// Appends what is ready to be sent, until `limit` bytes are there.
    /// - Returns: whether more may be ready.
    /// - Throws: ``HTTP2SessionError`` if the session can send no more.
    public func produce(into buffer: inout ByteBuffer, limit: Int) throws(HTTP2SessionError) -> Bool {
        guard !isConnectionLost else { return false }
        precondition(!isBusy, "HTTP2Session.produce: called from within a callback")
        isBusy = true
        isOutputTold = false
        swap(&output, &buffer)
        outputLimit = limit
        isOutputFull = false
        var result = 0
        while !isConnectionLost, output.readableBytes < limit {
            var chunk: UnsafePointer<UInt8>?
            result = nghttp2_session_mem_send(session, &chunk)
            guard result > 0, let chunk else { break }
            output.append(UnsafeRawBufferPointer(start: chunk, count: result))
        }
        swap(&output, &buffer)
        isBusy = false
        releaseRetired()
        tellWritable()
        guard !isConnectionLost else { return false }
        if result < 0 { throw fail(Int32(result)) }
        return result > 0 || isOutputFull
    }

    /// Whether there is something to send.
    public var wantsWrite: Bool { nghttp2_session_want_write(session) != 0 }

    /// Whether the session is over: nothing more is to be read or written.
    public var isOver: Bool {
        nghttp2_session_want_read(session) == 0 && nghttp2_session_want_write(session) == 0
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

    /// Opens a stream of the caller's making (back role).
    /// - Returns: false if no stream can be opened any more (GOAWAY, or all identifiers used).
    public func open(_ fields: FieldBlock, endStream: Bool, on stream: HTTP2Stream) -> Bool {
        guard !isFailed, nghttp2_session_check_request_allowed(session) != 0 else { return false }
        stream.sending = endStream ? .finished : .open
        stream.head = fields
        // What the closure captures costs no counts of references.
        let (session, user, scheme) = (session, pointer(stream), options.scheme)
        var provider = dataProvider(user)
        let id = withHeaders(fields, flags: Self.notCopied) { headers, count -> Int32 in
            if let scheme { Self.set(scheme, headers, count) }
            guard !endStream else { return nghttp2_submit_request(session, nil, headers, count, nil, user) }
            return nghttp2_submit_request(session, nil, headers, count, &provider, user)
        }
        guard id > 0 else { return false }
        stream.id = id
        link(stream)
        tellOutput()
        return true
    }

    /// Streams that the peer lets us have open at a time (back role).
    public var peerMaxConcurrentStreams: UInt32 {
        nghttp2_session_get_remote_settings(session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS)
    }

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
        nghttp2_submit_ping(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), nil)
        tellOutput()
    }

    /// Says that no new streams will be taken, while those in flight go on (RFC 9113 §6.8: a first GOAWAY
    /// "with the last stream identifier set to 2^31-1"). ``goaway(_:)`` ends the grace a round trip later.
    public func announceShutdown() {
        nghttp2_submit_shutdown_notice(session)
        tellOutput()
    }

    /// Sends GOAWAY with the last stream that was taken; streams in flight go on.
    public func goaway(_ code: HTTP2ErrorCode) {
        let last = nghttp2_session_get_last_proc_stream_id(session)
        nghttp2_submit_goaway(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), last, code.rawValue, nil, 0)
        tellOutput()
    }

    /// Sends GOAWAY and ends the session; all streams are lost.
    public func terminate(_ code: HTTP2ErrorCode) {
        nghttp2_session_terminate_session(session, code.rawValue)
        tellOutput()
    }

    /// Closes all streams because the connection is gone. Nothing is produced after this.
    public func connectionLost(_ code: HTTP2ErrorCode) {
        isFailed = true
        isConnectionLost = true
        while let stream = first?.takeUnretainedValue() {
            // libnghttp2 knows a stream from the moment its HEADERS frame leaves the queue.
            if role == .back, nghttp2_session_find_stream(session, stream.id) == nil { stream.wasNotSent = true }
            close(stream, code)
        }
    }

    // MARK: For streams

    func submitResponse(_ stream: HTTP2Stream, _ fields: FieldBlock, endStream: Bool) {
        stream.head = fields
        let (session, id) = (session, stream.id)
        var provider = dataProvider(pointer(stream))
        let result = withHeaders(fields, flags: Self.notCopied) { headers, count -> Int32 in
            guard !endStream else { return nghttp2_submit_response(session, id, headers, count, nil) }
            return nghttp2_submit_response(session, id, headers, count, &provider)
        }
        if result != 0 { submitReset(stream, .internalError) }
        tellOutput()
    }

    /// RFC 9113 §8.1: "one HEADERS frame … containing the header section" for each interim response.
    func submitInterim(_ stream: HTTP2Stream, _ fields: FieldBlock) {
        let none = UInt8(NGHTTP2_FLAG_NONE.rawValue)
        let result = withHeaders(fields) { nghttp2_submit_headers(session, none, stream.id, nil, $0, $1, nil) }
        if result != 0 { submitReset(stream, .internalError) }
        tellOutput()
    }

    func submitTrailers(_ stream: HTTP2Stream, _ fields: FieldBlock) -> Int32 {
        let (session, id) = (session, stream.id)
        return withHeaders(fields, flags: Self.notCopied) { nghttp2_submit_trailer(session, id, $0, $1) }
    }

    func submitReset(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) {
        nghttp2_submit_rst_stream(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream.id, code.rawValue)
        tellOutput()
    }

    func resumeData(_ stream: HTTP2Stream) {
        nghttp2_session_resume_data(session, stream.id)
        tellOutput()
    }

    func consume(_ stream: HTTP2Stream, _ count: Int) {
        nghttp2_session_consume_stream(session, stream.id, count)
        tellOutput()
    }

    /// Once for all that is done until it is fetched.
    private func tellOutput() {
        guard !isOutputTold else { return }
        isOutputTold = true
        delegate?.http2HasOutput()
    }

    func markWritable(_ stream: HTTP2Stream) { newlyWritable.append(stream) }

    private func tellWritable() {
        guard !newlyWritable.isEmpty else { return }
        let streams = newlyWritable
        newlyWritable.removeAll(keepingCapacity: true)
        for stream in streams where !stream.isClosed { stream.http2Writable() }
    }
}

@available(*, unavailable)
extension HTTP2Session: Sendable {}
