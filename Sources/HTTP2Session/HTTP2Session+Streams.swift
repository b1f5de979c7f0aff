// rtbridge: an HTTP/2 session's streams: how they come, wait and go.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import NIOCore

extension HTTP2Session {
    /// The list owns its streams. One reference does for all pointers that lead to a stream.
    func link(_ stream: HTTP2Stream) {
        let link = Unmanaged.passRetained(stream)
        stream.sendWindow = peer.initialWindow
        stream.next = first
        first?._withUnsafeGuaranteedRef { $0.previous = link }
        first = link
        table.insert(stream.id, link)
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
        table.remove(stream.id)
        streamCount -= 1
        leaveQueue(stream)
        let link = Unmanaged.passUnretained(stream)
        if isBusy { retired.append(link) } else { link.release() }
    }

    func leaveQueue(_ stream: HTTP2Stream) {
        switch stream.queue {
        case .none: break
        case .urgent: urgent.remove(stream)
        case .bodies: bodies.remove(stream)
        case .starved: starved.remove(stream)
        case .waiting: waiting.remove(stream)
        }
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
        unlink(stream)
        if stream.isOpened {
            openedCount -= 1
            openWaiting()
        }
        if code == .refusedStream, role == .back { stream.wasNotSent = true }
        // What nobody has seen may be asked for once more.
        if !stream.wasNotSent { stream.keepsOutput = false }
        let isKept = stream.keepsOutput
        if !isKept { stream.releaseOutput() }
        stream.http2Closed(code, wasNotSent: stream.wasNotSent)
        if isKept { stream.releaseOutput() }
    }

    /// RFC 9113 §5.1: a stream that both sides have ended is closed.
    func closeIfDone(_ stream: HTTP2Stream) {
        if stream.peerEnded, stream.hasSentEnd { close(stream, .noError) }
    }

    /// A stream of ours is sent next.
    func start(_ stream: HTTP2Stream) {
        stream.isOpened = true
        openedCount += 1
        urgent.append(stream)
    }

    /// Lets streams that wait be opened, as many as the peer takes.
    func openWaiting() {
        guard !isConnectionLost else { return }
        while openedCount < Int(peer.maxConcurrentStreams), let next = waiting.first {
            next._withUnsafeGuaranteedRef { stream in
                waiting.remove(stream)
                start(stream)
            }
            tellOutput()
        }
    }

    /// RFC 9113 §5.1.2: "Endpoints MUST NOT exceed the limit set by their peer", also where it becomes lower than what is about
    /// to be sent. The last ones wait again.
    func holdBack() {
        var link = urgent.last
        while openedCount > Int(peer.maxConcurrentStreams), let stream = link {
            stream._withUnsafeGuaranteedRef { stream in
                link = stream.queuedBefore
                guard stream.isOpened, stream.head != nil, stream.resetCode == nil else { return }
                urgent.remove(stream)
                stream.isOpened = false
                openedCount -= 1
                waiting.prepend(stream)
            }
        }
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
        guard let stream = table.find(id) else { return nil }
        (recentID, recent) = (id, stream)
        return stream
    }

    /// Whether nobody has opened this stream yet (RFC 9113 §5.1: "idle").
    func isIdle(_ id: Int32) -> Bool {
        switch role {
        case .front: id & 1 == 0 || id > lastPeerID
        case .back: id & 1 == 0 || id > lastSentID
        }
    }

    // MARK: For streams

    /// The stream has fields to send.
    func submitFields(_ stream: HTTP2Stream) {
        if stream.queue != .urgent {
            leaveQueue(stream)
            urgent.append(stream)
        }
        tellOutput()
    }

    /// Resets go first: what they end costs somebody's work.
    func submitReset(_ stream: HTTP2Stream) {
        leaveQueue(stream)
        urgent.prepend(stream)
        tellOutput()
    }

    /// The stream has body bytes to send, or an end.
    func submitBody(_ stream: HTTP2Stream) {
        if stream.queue == .none, stream.canSendBody { bodies.append(stream) }
        tellOutput()
    }

    /// Tells the peer that it may send as much again, once that is half of a stream's window.
    func consume(_ stream: HTTP2Stream, _ count: Int) {
        stream.consumed = min(stream.consumed + count, stream.unacknowledged)
        guard !stream.peerEnded, stream.resetCode == nil, stream.consumed > 0,
            2 * stream.consumed >= Int(options.streamWindow)
        else {
            return
        }
        stream.unacknowledged -= stream.consumed
        say(.windowUpdate, stream: stream.id, UInt32(stream.consumed))
        stream.consumed = 0
    }

    /// Once for all that is done until it is fetched.
    func tellOutput() {
        guard !isOutputTold else { return }
        isOutputTold = true
        delegate?.http2HasOutput()
    }

    func markWritable(_ stream: HTTP2Stream) { newlyWritable.append(stream) }

    func tellWritable() {
        guard !newlyWritable.isEmpty else { return }
        let streams = newlyWritable
        newlyWritable.removeAll(keepingCapacity: true)
        for stream in streams where !stream.isClosed { stream.http2Writable() }
    }
}
