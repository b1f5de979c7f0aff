// rtbridge: libnghttp2's callbacks, turned into the session's events.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import CNghttp2
import NIOCore

extension HTTP2Session {
    func makeSession() -> OpaquePointer {
        var callbacks: OpaquePointer?
        nghttp2_session_callbacks_new(&callbacks)
        defer { nghttp2_session_callbacks_del(callbacks) }
        setReceivingCallbacks(callbacks!)
        setSendingCallbacks(callbacks!)

        var option: OpaquePointer?
        nghttp2_option_new(&option)
        defer { nghttp2_option_del(option) }
        nghttp2_option_set_no_auto_window_update(option, 1)
        nghttp2_option_set_no_closed_streams(option, 1)
        // Guards: what a peer can make us queue or do before it is told ENHANCE_YOUR_CALM. libnghttp2 keeps its
        // defaults for CONTINUATION frames in a row and for the rate of stream resets.
        nghttp2_option_set_max_outbound_ack(option, 1000)
        nghttp2_option_set_max_settings(option, 32)

        let user = Unmanaged.passUnretained(self).toOpaque()
        var session: OpaquePointer?
        var memory = buffers.memory
        switch role {
        case .front: nghttp2_session_server_new3(&session, callbacks, user, option, &memory)
        case .back: nghttp2_session_client_new3(&session, callbacks, user, option, &memory)
        }
        guard let session else { preconditionFailure("HTTP2Session: out of memory") }
        return session
    }

    func submitSettings() {
        var settings = [
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue), value: options.streamWindow),
            nghttp2_settings_entry(
                settings_id: Int32(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE.rawValue), value: options.maxHeaderListSize),
        ]
        switch role {
        case .front:
            settings.append(
                nghttp2_settings_entry(
                    settings_id: Int32(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS.rawValue),
                    value: options.maxConcurrentStreams))
            guard options.enablesConnectProtocol else { break }
            settings.append(
                nghttp2_settings_entry(
                    settings_id: Int32(NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL.rawValue), value: 1))
        case .back:
            settings.append(
                nghttp2_settings_entry(settings_id: Int32(NGHTTP2_SETTINGS_ENABLE_PUSH.rawValue), value: 0))
        }
        let none = UInt8(NGHTTP2_FLAG_NONE.rawValue)
        nghttp2_submit_settings(session, none, settings, settings.count)
        nghttp2_session_set_local_window_size(session, none, 0, options.connectionWindow)
    }

    private func setReceivingCallbacks(_ callbacks: OpaquePointer) {
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { _, frame, user in
            Unmanaged<HTTP2Session>.fromOpaque(user!)._withUnsafeGuaranteedRef { $0.headersBegan(frame!) }
        }
        nghttp2_session_callbacks_set_on_header_callback(callbacks) {
            _, _, name, nameLength, value, valueLength, _, user in
            Unmanaged<HTTP2Session>.fromOpaque(user!)._withUnsafeGuaranteedRef {
                $0.headerReceived(
                    UnsafeRawBufferPointer(start: name, count: nameLength),
                    UnsafeRawBufferPointer(start: value, count: valueLength))
            }
            return 0
        }
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) { _, _, id, data, length, user in
            Unmanaged<HTTP2Session>.fromOpaque(user!)._withUnsafeGuaranteedRef { $0.bodyReceived(id, data!, length) }
            return 0
        }
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, user in
            Unmanaged<HTTP2Session>.fromOpaque(user!)._withUnsafeGuaranteedRef { $0.frameReceived(frame!) }
            return 0
        }
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, id, code, user in
            Unmanaged<HTTP2Session>.fromOpaque(user!)._withUnsafeGuaranteedRef { session in
                session.withStream(id) { stream in
                    if code == NGHTTP2_REFUSED_STREAM.rawValue { stream.wasNotSent = true }
                    session.close(stream, HTTP2ErrorCode(rawValue: code))
                }
            }
            return 0
        }
    }

    private func setSendingCallbacks(_ callbacks: OpaquePointer) {
        nghttp2_session_callbacks_set_send_data_callback(callbacks) { _, _, header, length, source, user in
            let stream = Unmanaged<HTTP2Stream>.fromOpaque(source!.pointee.ptr)
            return Unmanaged<HTTP2Session>.fromOpaque(user!)._withUnsafeGuaranteedRef { session in
                // The streams are gone, and libnghttp2 was not told.
                guard !session.isConnectionLost else { return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue }
                return stream._withUnsafeGuaranteedRef { session.sendBody($0, header: header!, length) }
            }
        }
        nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { _, frame, user in
            let header = frame!.pointee.hd
            guard header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0 else { return 0 }
            Unmanaged<HTTP2Session>.fromOpaque(user!)._withUnsafeGuaranteedRef { $0.endSent(header) }
            return 0
        }
        nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks) { _, frame, _, user in
            guard frame!.pointee.hd.type == UInt8(NGHTTP2_HEADERS.rawValue) else { return 0 }
            Unmanaged<HTTP2Session>.fromOpaque(user!)._withUnsafeGuaranteedRef { $0.fieldsNotSent(frame!) }
            return 0
        }
    }

    // MARK: Receiving

    private func headersBegan(_ frame: UnsafePointer<nghttp2_frame>) -> Int32 {
        guard !isConnectionLost else { return 0 }
        if !fields.isEmpty { fields = FieldBlock() }
        fieldsAreTooLarge = false
        guard role == .front, frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST else { return 0 }
        fields.reserveCapacity(fields: 12, bytes: 320)
        let stream = delegate?.http2Stream(of: self) ?? HTTP2Stream(session: self)
        stream.id = frame.pointee.hd.stream_id
        nghttp2_session_set_stream_user_data(session, stream.id, pointer(stream))
        link(stream)
        return 0
    }

    private func headerReceived(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
        guard !fieldsAreTooLarge else { return }
        let size = fields.listSize + name.count + value.count + 32
        guard size <= Int(options.maxHeaderListSize) else {
            fieldsAreTooLarge = true
            return
        }
        // libnghttp2 lets no upper-case letter through (RFC 9113 §8.2.1).
        fields.appendToOwn(lowercaseName: name, value: value)
    }

    private func bodyReceived(_ id: Int32, _ data: UnsafePointer<UInt8>, _ count: Int) {
        receivedBody += count
        let isTaken = withStream(id) { stream in
            let offset = UnsafeRawPointer(data) - inputBase!
            let input = input.unsafelyUnwrapped
            stream.http2Body(input.getSlice(at: input.readerIndex + offset, length: count)!)
        }
        if !isTaken { nghttp2_session_consume_stream(session, id, count) }
    }

    private func frameReceived(_ frame: UnsafePointer<nghttp2_frame>) {
        guard !isConnectionLost else { return }
        let header = frame.pointee.hd
        switch nghttp2_frame_type(UInt32(header.type)) {
        case NGHTTP2_HEADERS:
            withStream(header.stream_id) { fieldsReceived($0, header.flags) }
        case NGHTTP2_DATA:
            guard header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0 else { break }
            withStream(header.stream_id) { stream in
                stream.peerEnded = true
                stream.http2Ended()
            }
        case NGHTTP2_SETTINGS where header.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) == 0:
            delegate?.http2Settings()
        case NGHTTP2_GOAWAY:
            let goaway = frame.pointee.goaway
            delegate?.http2Goaway(
                lastStreamID: goaway.last_stream_id, errorCode: HTTP2ErrorCode(rawValue: goaway.error_code))
        case NGHTTP2_PING where header.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) != 0:
            delegate?.http2PingAcknowledged()
        default:  // every other type is libnghttp2's own affair
            break
        }
    }

    /// What has been received is handed on, not shared.
    private func takeFields() -> FieldBlock {
        var taken = FieldBlock()
        swap(&taken, &fields)
        return taken
    }

    private func fieldsReceived(_ stream: HTTP2Stream, _ flags: UInt8) {
        let endStream = flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
        let isTooLarge = fieldsAreTooLarge
        let fields = takeFields()
        if endStream { stream.peerEnded = true }
        switch role {
        case .front where !stream.sawHead:
            stream.sawHead = true
            delegate?.http2Request(stream, fields, isTooLarge: isTooLarge, endStream: endStream)
            return
        case .front:
            stream.http2Fields(fields, kind: .trailers, isTooLarge: isTooLarge)
        case .back where stream.sawHead:
            stream.http2Fields(fields, kind: .trailers, isTooLarge: isTooLarge)
        case .back:
            let isInformational = fields.withFirst(":status") { $0.first == UInt8(ascii: "1") } ?? false
            stream.sawHead = !isInformational
            stream.http2Fields(fields, kind: isInformational ? .informational : .head, isTooLarge: isTooLarge)
        }
        if endStream { stream.http2Ended() }
    }

    // MARK: Sending

    /// RFC 9113 §8.1: a server that has answered before the request ended resets with NO_ERROR "after sending a
    /// complete response".
    private func endSent(_ header: nghttp2_frame_hd) {
        withStream(header.stream_id) { stream in
            stream.hasSentEnd = true
            if role == .front, !stream.peerEnded, !stream.staysOpenAfterEnd { submitReset(stream, .noError) }
        }
    }

    /// libnghttp2 gave a block of fields up: the stream may not be opened any more, or the block is longer than it
    /// sends (64 KiB).
    private func fieldsNotSent(_ frame: UnsafePointer<nghttp2_frame>) {
        withStream(frame.pointee.hd.stream_id) { stream in
            if frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST {
                stream.wasNotSent = true
            } else {
                // Nobody would ever tell the peer how the stream ends.
                submitReset(stream, .internalError)
            }
        }
    }
}
