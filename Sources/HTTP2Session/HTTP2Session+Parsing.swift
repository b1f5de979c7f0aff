// rtbridge: an HTTP/2 session's input, cut into frames and body pieces.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

extension HTTP2Session {
    /// Takes all of `bytes`, which are ``input``.
    func parse(_ bytes: UnsafeRawBufferPointer) {
        guard var next = bytes.baseAddress else { return }
        let end = next + bytes.count
        while next < end {
            let rest = UnsafeRawBufferPointer(start: next, count: end - next)
            switch reader.phase {
            case .preface(let done): next += reader.readPreface(rest, from: done)
            case .settings, .frames: next += reader.partial == nil ? parseFrame(rest) : completeFrame(rest)
            case .body: next += parseBody(rest)
            case .over: return
            }
            if isConnectionLost { return reader.stop() }
        }
    }

    /// Reads the frame that `rest` begins with, or keeps what is there of it.
    /// - Returns: how many bytes of `rest` that took.
    private func parseFrame(_ rest: UnsafeRawBufferPointer) -> Int {
        let headerBytes = HTTP2FrameHeader.byteCount
        guard rest.count >= headerBytes, let base = rest.baseAddress else { return keep(rest) }
        let header = HTTP2FrameHeader(at: base)
        guard admit(header) else { return rest.count }
        if header.kind == HTTP2FrameKind.data.rawValue {
            beginBody(header)
            return headerBytes
        }
        guard rest.count - headerBytes >= header.length else { return keep(rest) }
        received(header, UnsafeRawBufferPointer(start: base + headerBytes, count: header.length))
        return headerBytes + header.length
    }

    private func keep(_ rest: UnsafeRawBufferPointer) -> Int {
        var partial = ByteBuffer()
        partial.writeBytes(rest)
        reader.partial = partial
        return rest.count
    }

    /// Adds to the frame that has begun earlier, and reads it once it is whole.
    private func completeFrame(_ rest: UnsafeRawBufferPointer) -> Int {
        let headerBytes = HTTP2FrameHeader.byteCount
        guard var partial = reader.partial.take() else { return 0 }
        var taken = fill(&partial, to: headerBytes, rest)
        guard let header = partial.header else {
            reader.partial = partial
            return taken
        }
        guard admit(header) else { return rest.count }
        if header.kind == HTTP2FrameKind.data.rawValue {
            beginBody(header)
            return taken
        }
        taken += fill(&partial, to: headerBytes + header.length, UnsafeRawBufferPointer(rebasing: rest[taken...]))
        guard partial.readableBytes == headerBytes + header.length else {
            reader.partial = partial
            return taken
        }
        partial.withUnsafeReadableBytes { received(header, UnsafeRawBufferPointer(rebasing: $0[headerBytes...])) }
        return taken
    }

    private func fill(_ partial: inout ByteBuffer, to count: Int, _ rest: UnsafeRawBufferPointer) -> Int {
        let taken = min(rest.count, max(0, count - partial.readableBytes))
        partial.writeBytes(UnsafeRawBufferPointer(rebasing: rest[..<taken]))
        return taken
    }

    /// Whether a frame with this header may come now.
    private func admit(_ header: HTTP2FrameHeader) -> Bool {
        if case .settings = reader.phase {
            guard header.kind == HTTP2FrameKind.settings.rawValue, !header.has(HTTP2Flags.acknowledgement) else {
                violate(.protocolError, "its first frame is not SETTINGS: does it speak HTTP/2?")
                return false
            }
        }
        guard header.length <= HTTP2FrameHeader.maximumLength else {
            violate(.frameSizeError, "a frame of \(header.length) bytes, above SETTINGS_MAX_FRAME_SIZE")
            return false
        }
        guard let block = reader.block else { return true }
        guard header.kind == HTTP2FrameKind.continuation.rawValue, header.stream == block.stream else {
            violate(.protocolError, "a frame within the fields of stream \(block.stream)")
            return false
        }
        return true
    }

    // MARK: DATA (RFC 9113 §6.1)

    private func beginBody(_ header: HTTP2FrameHeader) {
        guard header.stream != 0 else { return violate(.protocolError, "DATA on stream 0") }
        connectionRoom -= header.length
        guard connectionRoom >= 0 else { return violate(.flowControlError, "more DATA than the connection's window") }
        connectionTaken += header.length
        var body = HTTP2Reader.Body()
        body.left = header.length
        body.endStream = header.has(HTTP2Flags.endStream)
        body.awaitsPaddingLength = header.has(HTTP2Flags.padded)
        guard !body.awaitsPaddingLength || header.length > 0 else {
            return violate(.frameSizeError, "DATA without its padding's length")
        }
        guard !isIdle(header.stream) else { return violate(.protocolError, "DATA on an idle stream") }
        // What comes for a stream that has been reset is dropped (RFC 9113 §5.1).
        withStream(header.stream) { stream in
            if takes(stream, header.length) { body.stream = header.stream }
        }
        reader.body = body
        if body.left > 0 { reader.phase = .body } else { endBody() }
    }

    /// Whether the stream may have so many bytes more.
    private func takes(_ stream: HTTP2Stream, _ count: Int) -> Bool {
        guard stream.resetCode == nil else { return false }
        guard !stream.peerEnded else {
            fault(stream, .streamClosed)
            return false
        }
        guard stream.sawHead else {
            fault(stream, .protocolError)
            return false
        }
        stream.unacknowledged += count
        guard stream.unacknowledged <= maximumUnacknowledged else {
            fault(stream, .flowControlError)
            return false
        }
        return true
    }

    /// Until our SETTINGS are acknowledged, the peer may count with the initial window of RFC 9113 §6.9.2.
    private var maximumUnacknowledged: Int {
        let window = Int(options.streamWindow)
        return unacknowledgedSettings > 0 ? max(window, HTTP2PeerSettings.defaultWindow) : window
    }

    private func parseBody(_ rest: UnsafeRawBufferPointer) -> Int {
        if reader.body.awaitsPaddingLength { return readPaddingLength(rest[0]) }
        let wanted = reader.body.left - reader.body.padding
        let count = min(rest.count, wanted)
        if count > 0 {
            reader.body.left -= count
            tellBody(rest.baseAddress.unsafelyUnwrapped, count)
            if reader.body.left == 0 { endBody() }
            return count
        }
        let padding = min(rest.count, reader.body.left)
        reader.body.left -= padding
        if reader.body.left == 0 { endBody() }
        return padding
    }

    /// RFC 9113 §6.1: "If the length of the padding is the length of the frame payload or greater, the recipient MUST treat this as a
    /// connection error … of type PROTOCOL_ERROR."
    private func readPaddingLength(_ length: UInt8) -> Int {
        reader.body.awaitsPaddingLength = false
        reader.body.left -= 1
        reader.body.padding = Int(length)
        guard reader.body.padding <= reader.body.left else {
            violate(.protocolError, "padding that is longer than its frame")
            return 1
        }
        // Nobody takes the padding but this session.
        withStream(reader.body.stream) { consume($0, 1 + Int(length)) }
        if reader.body.left == 0 { endBody() }
        return 1
    }

    private func tellBody(_ bytes: UnsafeRawPointer, _ count: Int) {
        withStream(reader.body.stream) { stream in
            guard stream.resetCode == nil else { return }
            stream.receivedLength += count
            // RFC 9113 §8.1.1: the sum of the DATA frames is what content-length says.
            if let expected = stream.expectedLength, stream.receivedLength > expected {
                return fault(stream, .protocolError)
            }
            let input = input.unsafelyUnwrapped
            let offset = bytes - inputBase.unsafelyUnwrapped
            stream.http2Body(input.getSlice(at: input.readerIndex + offset, length: count).unsafelyUnwrapped)
        }
    }

    private func endBody() {
        if case .over = reader.phase { return }
        reader.phase = .frames
        guard reader.body.endStream, !isConnectionLost else { return }
        withStream(reader.body.stream) { tellEnd($0) }
    }

    /// The peer has ended the stream.
    func tellEnd(_ stream: HTTP2Stream) {
        guard stream.resetCode == nil else { return }
        if let expected = stream.expectedLength, stream.receivedLength != expected {
            return fault(stream, .protocolError)
        }
        stream.peerEnded = true
        stream.http2Ended()
        closeIfDone(stream)
    }

    // MARK: Errors (RFC 9113 §5.4)

    /// The connection ends.
    func violate(_ code: HTTP2ErrorCode, _ reason: String) {
        reader.stop()
        end(HTTP2SessionError(code, reason))
    }

    /// The stream ends; it is told once the reset is sent.
    func fault(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) {
        guard stream.resetCode == nil else { return }
        stream.abandon(code)
        submitReset(stream)
        countReset(isOurs: true)
    }

    /// A stream that nobody knows of ends.
    func refuse(_ id: Int32, _ code: HTTP2ErrorCode) {
        say(.rstStream, stream: id, code.rawValue)
        // A peer that does not know our limit yet has done nothing wrong.
        if code != .refusedStream { countReset(isOurs: true) }
    }

    /// - Parameter isOurs: the peer makes us reset streams; it may read nothing of it.
    func countReset(isOurs: Bool) {
        guard role == .front, !resets.take(now: .now()) else { return }
        isFlooded = isOurs
        violate(.enhanceYourCalm, "too many streams were reset")
    }
}

extension ByteBuffer {
    /// The frame header that the buffer begins with.
    fileprivate var header: HTTP2FrameHeader? {
        guard readableBytes >= HTTP2FrameHeader.byteCount else { return nil }
        return withUnsafeReadableBytes { HTTP2FrameHeader(at: $0.baseAddress.unsafelyUnwrapped) }
    }
}
