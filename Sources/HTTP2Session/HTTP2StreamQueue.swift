// rtbridge: streams that wait for their turn to send.
// SPDX-License-Identifier: Apache-2.0

/// First in, first out; a stream is in one queue at most, and can leave it from anywhere. It holds no references.
struct HTTP2StreamQueue {
    /// Which of its session's queues a stream is in.
    enum Name: UInt8 {
        case none
        /// Fields or a reset, which go before all bodies.
        case urgent
        /// Body bytes or an end, one frame a turn.
        case bodies
        /// Body bytes that the connection's window has no room for.
        case starved
        /// Requests above the peer's SETTINGS_MAX_CONCURRENT_STREAMS.
        case waiting
    }

    let name: Name
    private(set) var first: Unmanaged<HTTP2Stream>?
    private(set) var last: Unmanaged<HTTP2Stream>?

    init(_ name: Name) { self.name = name }

    var isEmpty: Bool { first == nil }

    mutating func append(_ stream: HTTP2Stream) {
        let link = Unmanaged.passUnretained(stream)
        stream.queue = name
        stream.queuedBefore = last
        stream.queuedBehind = nil
        if let last { last._withUnsafeGuaranteedRef { $0.queuedBehind = link } } else { first = link }
        last = link
    }

    mutating func prepend(_ stream: HTTP2Stream) {
        guard let first else { return append(stream) }
        let link = Unmanaged.passUnretained(stream)
        stream.queue = name
        stream.queuedBefore = nil
        stream.queuedBehind = first
        first._withUnsafeGuaranteedRef { $0.queuedBefore = link }
        self.first = link
    }

    mutating func remove(_ stream: HTTP2Stream) {
        let (before, behind) = (stream.queuedBefore, stream.queuedBehind)
        if let before { before._withUnsafeGuaranteedRef { $0.queuedBehind = behind } } else { first = behind }
        if let behind { behind._withUnsafeGuaranteedRef { $0.queuedBefore = before } } else { last = before }
        stream.queue = .none
        stream.queuedBefore = nil
        stream.queuedBehind = nil
    }
}
