// rtbridge: the fields that an HTTP/2 session receives: requests, responses and trailers.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import NIOCore

extension HTTP2Session {
    // MARK: Frames (RFC 9113 §6.2 and §6.10)

    func receivedHeaders(_ header: HTTP2FrameHeader, _ payload: UnsafeRawBufferPointer) {
        guard header.stream != 0 else { return violate(.protocolError, "HEADERS on stream 0") }
        guard !isIdle(header.stream) || (role == .front && header.stream & 1 == 1) else {
            return violate(.protocolError, "HEADERS on stream \(header.stream), which is idle")
        }
        guard let fragment = fragment(of: header, payload) else { return }
        let endStream = header.has(HTTP2Flags.endStream)
        guard !header.has(HTTP2Flags.endHeaders) else {
            return receivedBlock(header.stream, endStream: endStream, fragment)
        }
        reader.block = HTTP2Reader.Block(
            stream: header.stream, endStream: endStream, bytes: ByteBuffer(bytes: fragment))
    }

    /// A HEADERS frame's payload without padding and priority. RFC 9113 §5.3.2: priorities are deprecated, and not acted on.
    private func fragment(of header: HTTP2FrameHeader, _ payload: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        var (start, end) = (0, payload.count)
        if header.has(HTTP2Flags.padded) {
            guard let padding = payload.first else { return badLength() }
            start += 1
            end -= Int(padding)
        }
        if header.has(HTTP2Flags.priority) {
            guard payload.count >= start + 5 else { return badLength() }
            guard dependsOnAnother(payload, at: start, header.stream) else { return nil }
            start += 5
        }
        guard start <= end else {
            violate(.protocolError, "padding that is longer than its frame")
            return nil
        }
        return UnsafeRawBufferPointer(rebasing: payload[start..<end])
    }

    private func badLength() -> UnsafeRawBufferPointer? {
        violate(.frameSizeError, "a HEADERS frame that is too short for its flags")
        return nil
    }

    /// RFC 7540 §5.3.1: "A stream cannot depend on itself."
    func dependsOnAnother(_ payload: UnsafeRawBufferPointer, at start: Int, _ stream: Int32) -> Bool {
        let dependency = UInt32(bigEndian: payload.loadUnaligned(fromByteOffset: start, as: UInt32.self)) & 0x7FFF_FFFF
        guard dependency == UInt32(bitPattern: stream) else { return true }
        violate(.protocolError, "stream \(stream) depends on itself")
        return false
    }

    func receivedContinuation(_ header: HTTP2FrameHeader, _ payload: UnsafeRawBufferPointer) {
        guard var block = reader.block.take() else {
            return violate(.protocolError, "CONTINUATION without HEADERS before it")
        }
        block.continuations += 1
        guard block.continuations <= HTTP2Reader.maximumContinuations else {
            isFlooded = true
            return violate(
                .enhanceYourCalm, "flood: fields in more than \(HTTP2Reader.maximumContinuations) CONTINUATION frames")
        }
        block.bytes.writeBytes(payload)
        guard header.has(HTTP2Flags.endHeaders) else { return reader.block = block }
        block.bytes.withUnsafeReadableBytes { receivedBlock(block.stream, endStream: block.endStream, $0) }
    }

    // MARK: Blocks

    private func receivedBlock(_ id: Int32, endStream: Bool, _ block: UnsafeRawBufferPointer) {
        let isKnown = withStream(id) { receivedBlock(of: $0, endStream: endStream, block) }
        guard !isKnown else { return }
        guard isIdle(id) else { return drop(block) }
        receivedRequest(id, endStream: endStream, block)
    }

    /// What nobody wants is decoded all the same: the compression state is the connection's (RFC 9113 §4.3).
    private func drop(_ block: UnsafeRawBufferPointer) { _ = decode(block, .trailers) }

    private func receivedRequest(_ id: Int32, endStream: Bool, _ block: UnsafeRawBufferPointer) {
        lastPeerID = id
        // RFC 9113 §6.8: streams above GOAWAY's last are ignored.
        guard !goawaySent else { return drop(block) }
        guard streamCount < Int(options.maxConcurrentStreams) else {
            drop(block)
            return refuse(id, .refusedStream)
        }
        guard let received = decode(block, .request) else { return }
        guard received.isWellFormed, !endStream || received.rules.bodyLength ?? 0 == 0 else {
            return refuse(id, .protocolError)
        }
        lastTakenID = id
        let stream = delegate?.http2Stream(of: self) ?? HTTP2Stream(session: self)
        stream.id = id
        stream.expectedLength = received.rules.bodyLength
        stream.sawHead = true
        stream.peerEnded = endStream
        link(stream)
        delegate?.http2Request(stream, takeFields(), isTooLarge: received.isTooLarge, endStream: endStream)
    }

    private func receivedBlock(of stream: HTTP2Stream, endStream: Bool, _ block: UnsafeRawBufferPointer) {
        guard let received = decode(block, stream.sawHead ? .trailers : .response) else { return }
        guard stream.resetCode == nil else { return }
        guard !stream.peerEnded else { return fault(stream, .streamClosed) }
        guard received.isWellFormed else { return fault(stream, .protocolError) }
        guard !stream.sawHead else {
            // RFC 9113 §8.1: trailers end the stream.
            guard endStream else { return fault(stream, .protocolError) }
            return tell(stream, .trailers, received, endStream: true)
        }
        if received.rules.status < 200 {
            guard !endStream, received.rules.bodyLength == nil else { return fault(stream, .protocolError) }
            return tell(stream, .informational, received, endStream: false)
        }
        stream.sawHead = true
        stream.expectedLength = expectedLength(of: stream, received.rules)
        tell(stream, .head, received, endStream: endStream)
    }

    /// RFC 9110 §6.4.1 and §8.6: answers to HEAD, and those with 204 or 304, have no body whatever their `content-length`.
    private func expectedLength(of stream: HTTP2Stream, _ rules: HTTP2FieldRules) -> Int? {
        if stream.hasNoBodyInAnswer || rules.status == 204 || rules.status == 304 { return 0 }
        return rules.bodyLength
    }

    private func tell(_ stream: HTTP2Stream, _ kind: HTTP2FieldsKind, _ received: Received, endStream: Bool) {
        if endStream {
            // Whoever reads the head can tell that nothing follows.
            if let expected = stream.expectedLength, stream.receivedLength != expected {
                return fault(stream, .protocolError)
            }
            stream.peerEnded = true
        }
        stream.http2Fields(takeFields(), kind: kind, isTooLarge: received.isTooLarge)
        guard endStream, !stream.isClosed, stream.resetCode == nil else { return }
        stream.http2Ended()
        closeIfDone(stream)
    }

    /// What has been received is handed on, not shared.
    private func takeFields() -> FieldBlock {
        var taken = FieldBlock()
        swap(&taken, &fields)
        return taken
    }

    // MARK: Decoding

    private struct Received {
        var rules: HTTP2FieldRules
        var isWellFormed: Bool
        var isTooLarge: Bool
    }

    /// Decodes a block into ``fields``.
    /// - Returns: nil if the connection is over for it.
    private func decode(_ block: UnsafeRawBufferPointer, _ kind: HTTP2FieldRules.Block) -> Received? {
        if !fields.isEmpty { fields = FieldBlock() }
        if kind == .request { fields.reserveCapacity(fields: 12, bytes: 320) }
        var received = Received(
            rules: HTTP2FieldRules(kind, allowsProtocol: options.enablesConnectProtocol), isWellFormed: true,
            isTooLarge: false)
        let limit = Int(options.maxHeaderListSize)
        do throws(HPACKError) {
            try decoder.decode(block) { name, value, known in
                // The list is not looked at any further once it is of no use.
                guard received.isWellFormed, !received.isTooLarge else { return }
                let value = name.first == UInt8(ascii: ":") ? value : HTTP2FieldText.trimmed(value)
                guard received.rules.allow(name, value, known) else { return received.isWellFormed = false }
                guard fields.listSize + name.count + value.count + 32 <= limit else {
                    return received.isTooLarge = true
                }
                fields.appendToOwn(lowercaseName: name, value: value)
            }
        } catch {
            violate(.compressionError, "fields that break HPACK: \(error)")
            return nil
        }
        // What a list that is too large lacks may have been in its rest. A response begins with its only pseudo-header field.
        if received.isWellFormed, !received.isTooLarge || kind == .response {
            received.isWellFormed = received.rules.isWhole
        }
        return received
    }
}
