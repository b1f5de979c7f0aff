// rtbridge: libnghttp2 itself, to compare with and to talk to.
// SPDX-License-Identifier: Apache-2.0

import CNghttp2
import HTTP2Session

/// One end of a connection on libnghttp2. What it hears is noted as in a ``Transcript``.
///
/// Its options and its owner's manners are those of ``HTTP2Session``: windows are opened by ``consumeAll()`` alone, the
/// connection's as bytes arrive, and a front that has answered before the request ended resets with NO_ERROR.
final class OracleSession {
    /// What is to be sent on a stream.
    struct Outgoing {
        var body: ArraySlice<UInt8> = []
        var isEnded = false
        var trailers: [(String, String)] = []
        var isDeferred = false
        var hasHead = false
    }

    let role: HTTP2Role
    let options: HTTP2Options
    /// Why the session can go on no more (`NGHTTP2_ERR_…`).
    private(set) var failure: Int32?
    var lines: [Transcript.Line] = []
    var outgoing: [Int32: Outgoing] = [:]
    var unconsumed: [Int32: Int] = [:]
    var receivedBody = 0
    var goaways: [(last: Int32, code: UInt32)] = []
    // Of the block of fields that is being received.
    var fields: [String] = []
    var fieldsSize = 0
    var sawHead: Set<Int32> = []
    var peerEnded: Set<Int32> = []
    /// Streams that are closed, and take no commands.
    var gone: Set<Int32> = []
    /// Places in ``lines`` of bodies that still grow.
    var bodies: [Int32: Int] = [:]
    var session: OpaquePointer!

    init(role: HTTP2Role, options: HTTP2Options = HTTP2Options()) {
        self.role = role
        self.options = options
        session = makeSession()
        submitFirstSettings()
    }

    deinit { nghttp2_session_del(session) }

    // MARK: In and out

    func receive(_ bytes: [UInt8]) {
        guard failure == nil else { return }
        let result = nghttp2_session_mem_recv(session, bytes, bytes.count)
        if receivedBody > 0 { nghttp2_session_consume_connection(session, receivedBody) }
        receivedBody = 0
        if result < 0 { failure = Int32(result) }
    }

    func produceAll() -> [UInt8] {
        var all: [UInt8] = []
        while true {
            var chunk: UnsafePointer<UInt8>?
            let count = nghttp2_session_mem_send(session, &chunk)
            if count < 0 { failure = failure ?? Int32(count) }
            guard count > 0 else { return all }
            all += UnsafeBufferPointer(start: chunk, count: count)
        }
    }

    /// Opens the windows of all streams but those of `kept`.
    func consumeAll(but kept: (UInt32) -> Bool = { _ in false }) {
        for (id, count) in unconsumed where !kept(UInt32(id)) {
            nghttp2_session_consume_stream(session, id, count)
            unconsumed[id] = nil
        }
    }

    // MARK: Commands

    /// - Returns: the stream, or nil if none can be opened any more.
    func open(_ fields: [(String, String)], _ next: Outgoing?) -> Int32? {
        guard nghttp2_session_check_request_allowed(session) != 0 else { return nil }
        var provider = provider
        let id = withFields(fields) { pairs, count in
            guard next != nil else { return nghttp2_submit_request(session, nil, pairs, count, nil, nil) }
            return nghttp2_submit_request(session, nil, pairs, count, &provider, nil)
        }
        guard id > 0 else { return nil }
        outgoing[id] = next
        return id
    }

    func respond(_ id: Int32, _ fields: [(String, String)], _ next: Outgoing?) {
        outgoing[id] = next
        var provider = provider
        _ = withFields(fields) { pairs, count in
            guard next != nil else { return nghttp2_submit_response(session, id, pairs, count, nil) }
            return nghttp2_submit_response(session, id, pairs, count, &provider)
        }
    }

    func reset(_ id: Int32, _ code: HTTP2ErrorCode) {
        nghttp2_submit_rst_stream(session, 0, id, code.rawValue)
    }

    func submitSettings(_ values: [(nghttp2_settings_id, UInt32)]) {
        let entries = values.map { nghttp2_settings_entry(settings_id: Int32($0.0.rawValue), value: $0.1) }
        nghttp2_submit_settings(session, 0, entries, entries.count)
    }

    func goaway(_ code: HTTP2ErrorCode) {
        let last = nghttp2_session_get_last_proc_stream_id(session)
        nghttp2_submit_goaway(session, 0, last, code.rawValue, nil, 0)
    }

    func withFields<Result>(
        _ fields: [(String, String)], _ body: (UnsafeMutablePointer<nghttp2_nv>?, Int) -> Result
    ) -> Result {
        let bytes = fields.map { (Array($0.0.utf8), Array($0.1.utf8)) }
        var place: [UInt8] = []
        for (name, value) in bytes { place += name + value }
        return place.withUnsafeMutableBufferPointer { all in
            var start = all.baseAddress
            var pairs = bytes.map { name, value in
                defer { start = start.map { $0 + name.count + value.count } }
                return nghttp2_nv(
                    name: start, value: start.map { $0 + name.count }, namelen: name.count, valuelen: value.count,
                    flags: 0)
            }
            return body(&pairs, pairs.count)
        }
    }
}

@available(*, unavailable)
extension OracleSession: Sendable {}
