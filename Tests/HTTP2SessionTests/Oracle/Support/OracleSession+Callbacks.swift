// rtbridge: what libnghttp2 tells, noted.
// SPDX-License-Identifier: Apache-2.0

import CNghttp2
import HTTP2Session

extension OracleSession {
    private static func this(_ user: UnsafeMutableRawPointer?) -> OracleSession {
        Unmanaged<OracleSession>.fromOpaque(user!).takeUnretainedValue()
    }

    private static func text(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> String {
        String(decoding: UnsafeBufferPointer(start: bytes, count: count), as: UTF8.self)
    }

    func makeSession() -> OpaquePointer {
        var callbacks: OpaquePointer?
        nghttp2_session_callbacks_new(&callbacks)
        defer { nghttp2_session_callbacks_del(callbacks) }
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { _, _, user in
            let this = OracleSession.this(user)
            (this.fields, this.fieldsSize) = ([], 0)
            return 0
        }
        nghttp2_session_callbacks_set_on_header_callback(callbacks) { _, _, name, length, value, count, _, user in
            let this = OracleSession.this(user)
            this.fieldsSize += length + count + 32
            this.fields.append(OracleSession.text(name, length) + ": " + OracleSession.text(value, count))
            return 0
        }
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) { _, _, id, data, count, user in
            OracleSession.this(user).bodyReceived(id, UnsafeBufferPointer(start: data, count: count))
            return 0
        }
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, user in
            OracleSession.this(user).frameReceived(frame!.pointee)
            return 0
        }
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, id, code, user in
            OracleSession.this(user).closed(id, code)
            return 0
        }
        nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { session, frame, user in
            let header = frame!.pointee.hd
            let this = OracleSession.this(user)
            guard header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0, this.role == .front,
                !this.peerEnded.contains(header.stream_id)
            else { return 0 }
            nghttp2_submit_rst_stream(session, 0, header.stream_id, NGHTTP2_NO_ERROR.rawValue)
            return 0
        }
        var option: OpaquePointer?
        nghttp2_option_new(&option)
        defer { nghttp2_option_del(option) }
        nghttp2_option_set_no_auto_window_update(option, 1)
        nghttp2_option_set_no_closed_streams(option, 1)
        nghttp2_option_set_max_outbound_ack(option, 1000)
        nghttp2_option_set_max_settings(option, 32)
        let user = Unmanaged.passUnretained(self).toOpaque()
        var session: OpaquePointer?
        switch role {
        case .front: nghttp2_session_server_new2(&session, callbacks, user, option)
        case .back: nghttp2_session_client_new2(&session, callbacks, user, option)
        }
        return session!
    }

    func submitFirstSettings() {
        var values = [
            (NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options.streamWindow),
            (NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, options.maxHeaderListSize),
        ]
        switch role {
        case .front:
            values.append((NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options.maxConcurrentStreams))
            if options.enablesConnectProtocol { values.append((NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1)) }
        case .back: values.append((NGHTTP2_SETTINGS_ENABLE_PUSH, 0))
        }
        submitSettings(values)
        nghttp2_session_set_local_window_size(session, 0, 0, options.connectionWindow)
    }

    // MARK: Receiving

    private func note(_ id: Int32, _ what: String, _ fields: [String] = [], _ body: [UInt8] = []) {
        bodies[id] = body.isEmpty ? nil : lines.count
        lines.append(Transcript.Line(stream: UInt32(id), what: what, fields: fields, body: body))
    }

    private func bodyReceived(_ id: Int32, _ bytes: UnsafeBufferPointer<UInt8>) {
        receivedBody += bytes.count
        unconsumed[id, default: 0] += bytes.count
        guard let place = bodies[id] else { return note(id, "body", [], Array(bytes)) }
        lines[place].body += bytes
    }

    private func frameReceived(_ frame: nghttp2_frame) {
        let id = frame.hd.stream_id
        let hasEnd = frame.hd.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
        switch nghttp2_frame_type(UInt32(frame.hd.type)) {
        case NGHTTP2_HEADERS:
            if hasEnd { peerEnded.insert(id) }
            fieldsReceived(id)
            if hasEnd { note(id, "ended") }
        case NGHTTP2_DATA where hasEnd:
            peerEnded.insert(id)
            note(id, "ended")
        case NGHTTP2_GOAWAY: goaways.append((frame.goaway.last_stream_id, frame.goaway.error_code))
        default: break
        }
    }

    private func fieldsReceived(_ id: Int32) {
        let isInformational = role == .back && fields.contains { $0.hasPrefix(":status: 1") }
        let what = sawHead.contains(id) ? "trailers" : isInformational ? "informational" : "head"
        if !isInformational { sawHead.insert(id) }
        let isTooLarge = fieldsSize > options.maxHeaderListSize
        note(id, isTooLarge ? what + " too large" : what, isTooLarge ? [] : fields)
    }

    private func closed(_ id: Int32, _ code: UInt32) {
        outgoing[id] = nil
        unconsumed[id] = nil
        gone.insert(id)
        guard role == .back || sawHead.contains(id) else { return }
        note(id, "closed \(HTTP2ErrorCode(rawValue: code))")
    }

    // MARK: Sending

    /// Bytes, then the end, then nothing until ``resume(_:)``.
    var provider: nghttp2_data_provider {
        nghttp2_data_provider(source: nghttp2_data_source(ptr: nil)) { session, id, buffer, length, flags, _, user in
            let this = OracleSession.this(user)
            guard var next = this.outgoing[id] else { return Int(NGHTTP2_ERR_DEFERRED.rawValue) }
            let count = min(length, next.body.count)
            next.body.withUnsafeBufferPointer {
                buffer!.update(from: $0.baseAddress ?? UnsafePointer(buffer!), count: count)
            }
            next.body = next.body.dropFirst(count)
            let isLast = next.isEnded && next.body.isEmpty
            next.isDeferred = count == 0 && !isLast
            this.outgoing[id] = next
            guard !next.isDeferred else { return Int(NGHTTP2_ERR_DEFERRED.rawValue) }
            guard isLast else { return count }
            flags!.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
            if !next.trailers.isEmpty {
                flags!.pointee |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
                _ = this.withFields(next.trailers) { nghttp2_submit_trailer(session, id, $0, $1) }
            }
            return count
        }
    }

    /// After something was added to ``outgoing``.
    func resume(_ id: Int32) { nghttp2_session_resume_data(session, id) }
}
