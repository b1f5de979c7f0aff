// rtbridge: what a session tells its peer, and the guards it keeps.
// SPDX-License-Identifier: Apache-2.0

import BridgeWire
import NIOCore

/// Which end of the connection a session is.
public enum HTTP2Role: Sendable { case front, back }

/// Limits of one session, sent as SETTINGS where the protocol has one for it.
public struct HTTP2Options: Sendable {
    /// SETTINGS_MAX_CONCURRENT_STREAMS: streams that the peer may have open (front role).
    public var maxConcurrentStreams: UInt32 = 128
    /// SETTINGS_INITIAL_WINDOW_SIZE: bytes that a peer may send on a stream before some were consumed.
    /// A stalled stream holds no more than this.
    public var streamWindow: UInt32 = 256 * 1024
    /// The connection's window. It is opened again as bytes arrive, so that one stalled stream never
    /// stops the others: what is held is bounded by the streams' windows.
    public var connectionWindow: Int32 = 1024 * 1024
    /// SETTINGS_MAX_HEADER_LIST_SIZE, counted as RFC 9113 §6.5.2 says. A longer list arrives marked as too large.
    public var maxHeaderListSize: UInt32 = 16 * 1024
    /// SETTINGS_ENABLE_CONNECT_PROTOCOL (front role): requests may have `:protocol` (RFC 8441 §3). Streams whose pseudo-header
    /// fields break RFC 8441 §4 are reset, and all that have `:protocol` where this is off.
    public var enablesConnectProtocol = false

    /// What `:scheme` says in requests that have one, whatever their fields say (back role): how this connection is spoken,
    /// and not the client's (RFC 9113 §8.3.1). nil: as the fields say.
    public var scheme: StaticString?

    public init() {}
}

/// What a block of header fields is.
public enum HTTP2FieldsKind: Sendable, Equatable {
    /// A request, or a final response.
    case head
    /// A response with a status of 1xx.
    case informational
    case trailers
}

/// What a session tells its connection. All calls are made from within ``HTTP2Session/receive(_:)`` or
/// ``HTTP2Session/produce(into:limit:)``.
public protocol HTTP2SessionDelegate: AnyObject {
    /// The peer begins a request (front role): an object for its stream, which is `session`'s from now on.
    func http2Stream(of session: HTTP2Session) -> HTTP2Stream
    /// The peer opened a stream (front role). Set ``HTTP2Stream/delegate`` now to hear of it.
    func http2Request(_ stream: HTTP2Stream, _ fields: consuming FieldBlock, isTooLarge: Bool, endStream: Bool)
    /// The peer's first SETTINGS arrived, or later ones.
    func http2Settings()
    /// The peer will take no new streams; those above `lastStreamID` were not processed (RFC 9113 §6.8).
    func http2Goaway(lastStreamID: Int32, errorCode: HTTP2ErrorCode)
    /// The peer answered a PING.
    func http2PingAcknowledged()
    /// There may be something to send. Also called outside of receiving and producing.
    func http2HasOutput()
}

extension HTTP2SessionDelegate {
    public func http2Stream(of session: HTTP2Session) -> HTTP2Stream { HTTP2Stream(session: session) }
}

/// What a stream tells its owner, in order; ``http2Closed(_:wasNotSent:)`` is the last, and always comes.
public protocol HTTP2StreamDelegate: AnyObject {
    func http2Fields(_ fields: consuming FieldBlock, kind: HTTP2FieldsKind, isTooLarge: Bool)
    /// A piece of the body. It has to be given back with ``HTTP2Stream/consume(_:)`` once it was taken,
    /// or the peer's window stays shut. The slice shares storage with the connection's read buffer:
    /// copy it if it is small and kept for long.
    func http2Body(_ bytes: ByteBuffer)
    /// The peer half-closed the stream.
    func http2Ended()
    /// Less than ``HTTP2Stream/lowWatermark`` bytes wait to be sent, after ``HTTP2Stream/highWatermark`` were reached.
    func http2Writable()
    /// The stream is gone. `wasNotSent`: the peer never saw it, or said that it did not process it.
    func http2Closed(_ errorCode: HTTP2ErrorCode, wasNotSent: Bool)
}
