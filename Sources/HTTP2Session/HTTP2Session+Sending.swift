// rtbridge: what an HTTP/2 session sends: frames of its own, and those of its streams, each in its turn.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import NIOCore

extension HTTP2Session {
    /// Blocks of fields that are larger would be refused by most peers: their streams end with INTERNAL_ERROR instead. Bytes,
    /// counted as SETTINGS_MAX_HEADER_LIST_SIZE is.
    static let maximumSentFields = 64 * 1024

    // MARK: The connection's own frames

    /// The connection's first frames (RFC 9113 §3.4).
    func greet() {
        var settings: [(HTTP2PeerSettings.Identifier, UInt32)] = [
            (.initialWindowSize, options.streamWindow), (.maxHeaderListSize, options.maxHeaderListSize),
        ]
        switch role {
        case .front:
            settings.append((.maxConcurrentStreams, options.maxConcurrentStreams))
            if options.enablesConnectProtocol { settings.append((.enableConnectProtocol, 1)) }
        case .back:
            settings.append((.enablePush, 0))
        }
        var payload = ByteBuffer()
        for (identifier, value) in settings { payload.writeMultipleIntegers(identifier.rawValue, value) }
        var bytes = buffers.take(128)
        if role == .back { bytes.writeStaticString(HTTP2Reader.preface) }
        payload.withUnsafeReadableBytes { bytes.append(.settings, payload: $0) }
        let more = connectionRoom - HTTP2PeerSettings.defaultWindow
        if more > 0 { bytes.append(.windowUpdate, stream: 0, UInt32(more)) }
        control = bytes
    }

    func say(_ kind: HTTP2FrameKind, flags: UInt8 = 0, stream: Int32 = 0, payload: UnsafeRawBufferPointer) {
        guard !isTerminated, !isConnectionLost else { return }
        if control == nil { control = buffers.take(128) }
        control?.append(kind, flags: flags, stream: stream, payload: payload)
        controlFrames += 1
        tellOutput()
    }

    func say(_ kind: HTTP2FrameKind, stream: Int32, _ value: UInt32) {
        withUnsafeBytes(of: value.bigEndian) { say(kind, stream: stream, payload: $0) }
    }

    /// Answers a PING or SETTINGS.
    func acknowledge(_ kind: HTTP2FrameKind, payload: UnsafeRawBufferPointer) {
        say(kind, flags: HTTP2Flags.acknowledgement, payload: payload)
        acknowledgements += 1
    }

    /// - Parameter reason: goes along as debug data (RFC 9113 §6.8).
    func sayGoaway(_ code: HTTP2ErrorCode, last: Int32, reason: String = "") {
        var payload = ByteBuffer()
        payload.writeMultipleIntegers(last, code.rawValue)
        payload.writeString(reason)
        payload.withUnsafeReadableBytes { say(.goaway, payload: $0) }
    }

    /// Ends the session for something that the peer did.
    func end(_ error: HTTP2SessionError) {
        violation = violation ?? error
        guard !isTerminated else { return }
        sayGoaway(error.code, last: lastTakenID, reason: error.description)
        isTerminated = true
    }

    func sendControl() {
        guard let frames = control.take() else { return }
        output.writeImmutableBuffer(frames)
        buffers.giveBack(frames)
        controlFrames = 0
        acknowledgements = 0
    }

    func openConnectionWindow() {
        guard connectionTaken > 0, 2 * connectionTaken >= Int(options.connectionWindow) else { return }
        connectionRoom += connectionTaken
        say(.windowUpdate, stream: 0, UInt32(connectionTaken))
        connectionTaken = 0
    }

    // MARK: A stream's turn

    /// Sends what a stream has first: one reset, fields, or one DATA frame, with what follows it at once.
    func serve(_ stream: HTTP2Stream) {
        if let code = stream.resetCode { return sendReset(stream, code) }
        let isUrgent = stream.queue == .urgent
        leaveQueue(stream)
        if isUrgent {
            guard sendFields(stream) else { return sendReset(stream, .internalError) }
            guard stream.sending != .idle else { return }
        }
        sendBody(stream)
        if !stream.isClosed, stream.queue == .none, stream.hasBody { queueAgain(stream) }
    }

    private func queueAgain(_ stream: HTTP2Stream) {
        guard stream.canSendBody else { return }
        if sendWindow <= 0, stream.pendingBytes > 0 { starved.append(stream) } else { bodies.append(stream) }
    }

    private func sendReset(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) {
        if role == .back, stream.head != nil {
            // The peer never hears of it.
            stream.wasNotSent = true
        } else {
            output.append(.rstStream, stream: stream.id, code.rawValue)
        }
        close(stream, code)
    }

    /// Interim heads, then the head.
    /// - Returns: false if they are too many.
    private func sendFields(_ stream: HTTP2Stream) -> Bool {
        if let interims = stream.interims.take() {
            for fields in interims { guard sendBlock(fields, stream.id, endStream: false) else { return false } }
        }
        guard let head = stream.head.take() else { return true }
        let endStream = stream.sending == .ended && stream.pendingBytes == 0 && stream.trailers == nil
        guard sendBlock(head, stream.id, endStream: endStream) else {
            stream.head = head
            return false
        }
        if role == .back { lastSentID = stream.id }
        if endStream { ended(stream) }
        return true
    }

    private func sendBlock(_ fields: FieldBlock, _ id: Int32, endStream: Bool) -> Bool {
        guard fields.listSize <= Self.maximumSentFields else { return false }
        let start = output.writerIndex
        let headerBytes = HTTP2FrameHeader.byteCount
        output.writeWithUnsafeMutableBytes(minimumWritableBytes: headerBytes) { _ in headerBytes }
        encoder.encode(fields, scheme: role == .back ? options.scheme : nil, into: &output)
        let length = output.writerIndex - start - headerBytes
        let end = endStream ? HTTP2Flags.endStream : 0
        guard length <= HTTP2FrameHeader.maximumLength else {
            divide(from: start, id, flags: end)
            return true
        }
        let offset = start - output.readerIndex
        output.withUnsafeMutableReadableBytes { bytes in
            HTTP2FrameHeader.write(
                .headers, flags: end | HTTP2Flags.endHeaders, stream: id, length: length,
                to: bytes.baseAddress.unsafelyUnwrapped + offset)
        }
        return true
    }

    /// RFC 9113 §6.10: a block that does not fit a frame goes on in CONTINUATION frames, with nothing between.
    private func divide(from start: Int, _ id: Int32, flags: UInt8) {
        let begin = start + HTTP2FrameHeader.byteCount
        guard var block = output.getSlice(at: begin, length: output.writerIndex - begin) else { return }
        output.moveWriterIndex(to: start)
        var kind = HTTP2FrameKind.headers
        var flags = flags
        while let piece = block.readSlice(length: min(block.readableBytes, HTTP2FrameHeader.maximumLength)) {
            if block.readableBytes == 0 { flags |= HTTP2Flags.endHeaders }
            piece.withUnsafeReadableBytes { output.append(kind, flags: flags, stream: id, payload: $0) }
            guard block.readableBytes > 0 else { return }
            (kind, flags) = (.continuation, 0)
        }
    }

    /// One DATA frame, as long as the windows and the peer let it be, and what comes behind it.
    private func sendBody(_ stream: HTTP2Stream) {
        let waiting = stream.pendingBytes
        // Windows may be negative (RFC 9113 §6.9.2).
        let room = max(0, min(stream.sendWindow, sendWindow, HTTP2FrameHeader.maximumLength))
        let count = min(waiting, room)
        if count > 0 {
            let isLast = count == waiting && stream.sending == .ended && stream.trailers == nil
            stream.sendWindow -= count
            sendWindow -= count
            stream.output?.readWithUnsafeReadableBytes { bytes in
                output.append(
                    .data, flags: isLast ? HTTP2Flags.endStream : 0, stream: stream.id,
                    payload: UnsafeRawBufferPointer(rebasing: bytes[..<count]))
                return count
            }
            stream.drained()
            if isLast { return ended(stream) }
        }
        guard count == waiting else { return }
        switch stream.sending {
        case .ended: sendEnd(stream)
        case .broken: sendReset(stream, .internalError)
        case .idle, .open, .finished: break
        }
    }

    /// Our end, where no DATA frame has said it.
    private func sendEnd(_ stream: HTTP2Stream) {
        if let trailers = stream.trailers.take() {
            guard sendBlock(trailers, stream.id, endStream: true) else { return sendReset(stream, .internalError) }
        } else {
            output.append(
                .data, flags: HTTP2Flags.endStream, stream: stream.id,
                payload: UnsafeRawBufferPointer(start: nil, count: 0))
        }
        ended(stream)
    }

    /// RFC 9113 §8.1: a server that has answered before the request ended resets with NO_ERROR "after sending a
    /// complete response".
    private func ended(_ stream: HTTP2Stream) {
        stream.sending = .finished
        stream.hasSentEnd = true
        if role == .front, !stream.peerEnded, !stream.staysOpenAfterEnd {
            sendReset(stream, .noError)
        } else {
            closeIfDone(stream)
        }
    }
}
