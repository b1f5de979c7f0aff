// rtbridge: the frames that an HTTP/2 session receives, but for bodies and fields.
// SPDX-License-Identifier: Apache-2.0

import NIOCore

extension HTTP2Session {
    /// A whole frame that is not DATA.
    func received(_ header: HTTP2FrameHeader, _ payload: UnsafeRawBufferPointer) {
        // RFC 9113 §5.5: other kinds "MUST be ignored".
        guard let kind = HTTP2FrameKind(rawValue: header.kind) else { return }
        switch kind {
        case .data: break
        case .headers: receivedHeaders(header, payload)
        case .continuation: receivedContinuation(header, payload)
        case .settings: receivedSettings(header, payload)
        case .ping: receivedPing(header, payload)
        case .windowUpdate: receivedWindowUpdate(header, payload)
        case .rstStream: receivedReset(header, payload)
        case .goaway: receivedGoaway(header, payload)
        case .priority: receivedPriority(header, payload)
        case .pushPromise: violate(.protocolError, "PUSH_PROMISE, which SETTINGS_ENABLE_PUSH forbids")
        }
    }

    /// Whether the frame's length and stream are as its kind demands.
    private func isFit(_ header: HTTP2FrameHeader, _ name: StaticString, length: Int, ofConnection: Bool) -> Bool {
        guard ofConnection == (header.stream == 0) else {
            violate(.protocolError, "\(name) on stream \(header.stream)")
            return false
        }
        guard header.length == length else {
            violate(.frameSizeError, "\(name) of \(header.length) bytes")
            return false
        }
        return true
    }

    private func number(_ payload: UnsafeRawBufferPointer, at offset: Int = 0) -> UInt32 {
        UInt32(bigEndian: payload.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    // MARK: The connection

    /// Entries that one frame may have; there are eight settings.
    private static let maximumEntries = 32

    /// RFC 9113 §6.5.
    private func receivedSettings(_ header: HTTP2FrameHeader, _ payload: UnsafeRawBufferPointer) {
        guard header.stream == 0 else { return violate(.protocolError, "SETTINGS on stream \(header.stream)") }
        guard !header.has(HTTP2Flags.acknowledgement) else {
            guard payload.isEmpty else { return violate(.frameSizeError, "SETTINGS with ACK and a payload") }
            guard unacknowledgedSettings > 0 else { return violate(.protocolError, "SETTINGS with ACK for none") }
            return unacknowledgedSettings -= 1
        }
        guard payload.count.isMultiple(of: 6) else {
            return violate(.frameSizeError, "SETTINGS of \(payload.count) bytes")
        }
        guard payload.count / 6 <= Self.maximumEntries else {
            return violate(.enhanceYourCalm, "flood: SETTINGS with \(payload.count / 6) entries")
        }
        if case .settings = reader.phase {
            reader.phase = .frames
            // RFC 9113 §6.5.2: "Initially, there is no limit to this value."
            peer.maxConcurrentStreams = .max
        }
        for offset in stride(from: 0, to: payload.count, by: 6) {
            let identifier = UInt16(bigEndian: payload.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
            guard set(identifier, number(payload, at: offset + 2)) else { return }
        }
        acknowledge(.settings, payload: UnsafeRawBufferPointer(start: nil, count: 0))
        holdBack()
        openWaiting()
        delegate?.http2Settings()
    }

    private func set(_ identifier: UInt16, _ value: UInt32) -> Bool {
        // RFC 9113 §6.5.2: unknown ones are ignored.
        guard let identifier = HTTP2PeerSettings.Identifier(rawValue: identifier) else { return true }
        let before = peer.initialWindow
        if let error = peer.set(identifier, value, in: role) {
            violate(error.code, error.description)
            return false
        }
        if identifier == .headerTableSize { encoder.setPeerTableLimit(value) }
        guard peer.initialWindow != before else { return true }
        return moveWindows(by: peer.initialWindow - before)
    }

    /// RFC 9113 §6.9.2: a new initial window changes those of all streams, which may become negative.
    private func moveWindows(by difference: Int) -> Bool {
        var link = first
        while let stream = link {
            let isFine = stream._withUnsafeGuaranteedRef { stream in
                stream.sendWindow += difference
                link = stream.next
                guard stream.sendWindow <= HTTP2PeerSettings.maximumWindow else { return false }
                if difference > 0 { submitBody(stream) }
                return true
            }
            guard isFine else {
                violate(.flowControlError, "SETTINGS_INITIAL_WINDOW_SIZE makes a stream's window overflow")
                return false
            }
        }
        return true
    }

    /// RFC 9113 §6.7.
    private func receivedPing(_ header: HTTP2FrameHeader, _ payload: UnsafeRawBufferPointer) {
        guard isFit(header, "PING", length: 8, ofConnection: true) else { return }
        guard header.has(HTTP2Flags.acknowledgement) else { return acknowledge(.ping, payload: payload) }
        delegate?.http2PingAcknowledged()
    }

    /// RFC 9113 §6.8.
    private func receivedGoaway(_ header: HTTP2FrameHeader, _ payload: UnsafeRawBufferPointer) {
        guard header.stream == 0 else { return violate(.protocolError, "GOAWAY on stream \(header.stream)") }
        guard payload.count >= 8 else { return violate(.frameSizeError, "GOAWAY of \(payload.count) bytes") }
        let last = Int32(bitPattern: number(payload) & 0x7FFF_FFFF)
        // "Endpoints MUST NOT increase the value they send in the last stream identifier".
        guard last <= peerLastID else {
            return violate(.protocolError, "GOAWAY whose last stream is above the one before")
        }
        peerLastID = last
        goawayReceived = true
        delegate?.http2Goaway(lastStreamID: last, errorCode: HTTP2ErrorCode(rawValue: number(payload, at: 4)))
        guard role == .back, !isConnectionLost else { return }
        // What the peer has not taken, and what it was never sent, may be asked for elsewhere.
        forEachStream { stream in
            guard stream.id > last || stream.head != nil else { return }
            stream.wasNotSent = true
            close(stream, .refusedStream)
        }
    }

    // MARK: Streams

    /// RFC 9113 §6.9.
    private func receivedWindowUpdate(_ header: HTTP2FrameHeader, _ payload: UnsafeRawBufferPointer) {
        guard payload.count == 4 else { return violate(.frameSizeError, "WINDOW_UPDATE of \(payload.count) bytes") }
        let increment = Int(number(payload) & 0x7FFF_FFFF)
        guard header.stream != 0 else { return openSendWindow(increment) }
        guard !isIdle(header.stream) else { return violate(.protocolError, "WINDOW_UPDATE on an idle stream") }
        withStream(header.stream) { stream in
            guard stream.resetCode == nil else { return }
            guard increment > 0 else { return fault(stream, .protocolError) }
            stream.sendWindow += increment
            guard stream.sendWindow <= HTTP2PeerSettings.maximumWindow else { return fault(stream, .flowControlError) }
            if stream.hasBody { submitBody(stream) }
        }
    }

    private func openSendWindow(_ increment: Int) {
        guard increment > 0 else { return violate(.protocolError, "WINDOW_UPDATE of 0") }
        sendWindow += increment
        guard sendWindow <= HTTP2PeerSettings.maximumWindow else {
            return violate(.flowControlError, "WINDOW_UPDATE makes the connection's window overflow")
        }
        while let next = starved.first {
            next._withUnsafeGuaranteedRef { stream in
                starved.remove(stream)
                bodies.append(stream)
            }
            tellOutput()
        }
    }

    /// RFC 9113 §6.4.
    private func receivedReset(_ header: HTTP2FrameHeader, _ payload: UnsafeRawBufferPointer) {
        guard isFit(header, "RST_STREAM", length: 4, ofConnection: false) else { return }
        guard !isIdle(header.stream) else { return violate(.protocolError, "RST_STREAM on an idle stream") }
        let code = HTTP2ErrorCode(rawValue: number(payload))
        withStream(header.stream) { close($0, code) }
        countReset(isOurs: false)
    }

    /// RFC 9113 §6.3: read for its form alone.
    private func receivedPriority(_ header: HTTP2FrameHeader, _ payload: UnsafeRawBufferPointer) {
        guard isFit(header, "PRIORITY", length: 5, ofConnection: false) else { return }
        _ = dependsOnAnother(payload, at: 0, header.stream)
    }
}
