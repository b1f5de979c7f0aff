// rtbridge: the session's streams, and how fields and bodies are handed to libnghttp2.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import CNghttp2
import NIOCore

extension HTTP2Session {
    /// The list owns its streams: `nghttp2_session_del` does not call `on_stream_close`.
    /// One reference does for all pointers that lead to a stream, its user data among them.
    func link(_ stream: HTTP2Stream) {
        let link = Unmanaged.passRetained(stream)
        stream.next = first
        first?._withUnsafeGuaranteedRef { $0.previous = link }
        first = link
        streamCount += 1
    }

    /// Within a callback a stream that leaves is kept until the callback's end, see ``releaseRetired()``.
    func unlink(_ stream: HTTP2Stream) {
        if stream.id == recentID { (recentID, recent) = (0, nil) }
        let (previous, next) = (stream.previous, stream.next)
        if let previous { previous._withUnsafeGuaranteedRef { $0.next = next } } else { first = next }
        next?._withUnsafeGuaranteedRef { $0.previous = previous }
        stream.previous = nil
        stream.next = nil
        streamCount -= 1
        let link = Unmanaged.passUnretained(stream)
        if isBusy { retired.append(link) } else { link.release() }
    }

    /// Lets go of the streams that have left since the session was last idle.
    func releaseRetired() {
        guard !retired.isEmpty else { return }
        for stream in retired { stream.release() }
        retired.removeAll(keepingCapacity: true)
    }

    func close(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) {
        guard !stream.isClosed else { return }
        stream.isClosed = true
        // libnghttp2 itself forgets a stream that it has closed.
        if isConnectionLost { nghttp2_session_set_stream_user_data(session, stream.id, nil) }
        unlink(stream)
        // What nobody has seen may be asked for once more.
        if !stream.wasNotSent { stream.keepsOutput = false }
        let isKept = stream.keepsOutput
        if !isKept { stream.releaseOutput() }
        stream.http2Closed(code, wasNotSent: stream.wasNotSent)
        if isKept { stream.releaseOutput() }
    }

    func pointer(_ stream: HTTP2Stream) -> UnsafeMutableRawPointer {
        Unmanaged.passUnretained(stream).toOpaque()
    }

    /// Calls `body` with the stream, unless it has left. For callbacks: the stream is there until the session is idle again.
    /// - Returns: whether it is there.
    @inline(__always)
    @discardableResult
    func withStream(_ id: Int32, _ body: (HTTP2Stream) -> Void) -> Bool {
        guard let stream = find(id) else { return false }
        stream._withUnsafeGuaranteedRef { body($0) }
        return true
    }

    /// Most events in a row are of one stream.
    @inline(__always)
    private func find(_ id: Int32) -> Unmanaged<HTTP2Stream>? {
        if id == recentID { return recent }
        guard let user = nghttp2_session_get_stream_user_data(session, id) else { return nil }
        let stream = Unmanaged<HTTP2Stream>.fromOpaque(user)
        (recentID, recent) = (id, stream)
        return stream
    }

    /// - Parameter flags: ``notCopied`` where the stream keeps the block until it is closed: libnghttp2 reads fields as it
    ///   packs them, and packs none of a stream that is closed.
    @inline(__always)
    func withHeaders<Result>(
        _ fields: FieldBlock, flags: UInt8 = UInt8(NGHTTP2_NV_FLAG_NONE.rawValue),
        _ body: (UnsafeMutablePointer<nghttp2_nv>?, Int) -> Result
    ) -> Result {
        withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: fields.count) { headers in
            fields.withFieldPointers { index, name, value in
                headers.initializeElement(
                    at: index,
                    to: nghttp2_nv(
                        name: name.baseAddress, value: value.baseAddress,
                        namelen: name.count, valuelen: value.count, flags: flags))
            } then: {
                body(headers.baseAddress, fields.count)
            }
        }
    }

    /// Pseudo-header fields come first (RFC 9113 §8.3).
    static func set(_ scheme: StaticString, _ headers: UnsafeMutablePointer<nghttp2_nv>?, _ count: Int) {
        let headers = UnsafeMutableBufferPointer(start: headers, count: count)
        for index in headers.indices {
            let name = UnsafeRawBufferPointer(start: headers[index].name, count: headers[index].namelen)
            guard name.first == UInt8(ascii: ":") else { return }
            guard FieldBytes.areEqual(name, ":scheme") else { continue }
            headers[index].value = UnsafeMutablePointer(mutating: scheme.utf8Start)
            headers[index].valuelen = scheme.utf8CodeUnitCount
        }
    }

    static let notCopied = UInt8(
        NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue | NGHTTP2_NV_FLAG_NO_COPY_VALUE.rawValue)

    /// - Parameter user: the stream's ``pointer(_:)``.
    func dataProvider(_ user: UnsafeMutableRawPointer) -> nghttp2_data_provider {
        nghttp2_data_provider(source: nghttp2_data_source(ptr: user)) {
            _, _, _, length, flags, source, user in
            let session = Unmanaged<HTTP2Session>.fromOpaque(user!)
            let stream = Unmanaged<HTTP2Stream>.fromOpaque(source!.pointee.ptr)
            return session._withUnsafeGuaranteedRef { session in
                // The streams are gone, and libnghttp2 was not told.
                guard !session.isConnectionLost else { return Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue) }
                return stream._withUnsafeGuaranteedRef { session.readBody($0, length, flags!) }
            }
        }
    }

    /// libnghttp2 asks how much of a stream's body goes into the next DATA frame.
    private func readBody(_ stream: HTTP2Stream, _ length: Int, _ flags: UnsafeMutablePointer<UInt32>) -> Int {
        let waiting = stream.pendingBytes
        let count = min(length, waiting)
        let isLast = stream.sending == .ended && count == waiting
        if stream.sending == .broken, waiting == 0 {
            // libnghttp2 answers this with RST_STREAM (INTERNAL_ERROR).
            stream.sending = .finished
            return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
        }
        guard count > 0 || isLast else {
            stream.isDeferred = true
            return Int(NGHTTP2_ERR_DEFERRED.rawValue)
        }
        flags.pointee |= NGHTTP2_DATA_FLAG_NO_COPY.rawValue
        if isLast {
            flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
            if let trailers = stream.trailers {
                guard submitTrailers(stream, trailers) == 0 else {
                    return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
                }
                flags.pointee |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
            }
            stream.sending = .finished
        }
        stream.inFrame = count
        return count
    }

    /// libnghttp2 lets a DATA frame out: its header, then our bytes, without a copy of its own between.
    /// - Returns: 0, or that there is no room: then it comes again with the same frame.
    func sendBody(_ stream: HTTP2Stream, header: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
        guard output.readableBytes < outputLimit else {
            isOutputFull = true
            return NGHTTP2_ERR_WOULDBLOCK.rawValue
        }
        output.append(UnsafeRawBufferPointer(start: header, count: 9))
        stream.output?.readWithUnsafeReadableBytes { bytes in
            output.append(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
            return count
        }
        stream.inFrame = 0
        stream.drained()
        return 0
    }
}
