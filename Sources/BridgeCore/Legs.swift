// rtbridge: what an exchange and its two legs say to each other.
// SPDX-License-Identifier: Apache-2.0

import BridgeTelemetry
import BridgeWire
import NIOCore

/// What a piece of a body is, where the protocol has more than a byte stream.
public struct BodyFlags: OptionSet, Sendable {
    public var rawValue: UInt8
    @inlinable
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// A message (or datagram) ends with this piece.
    public static let endsMessage = BodyFlags(rawValue: 1)
    /// The message is text.
    public static let text = BodyFlags(rawValue: 2)
    /// The bridge's own bytes and not the client's: never sent again on another connection.
    public static let ofBridge = BodyFlags(rawValue: 4)
    /// The message is compressed by an extension that both ends have agreed on, and goes through as it is (RFC 7692 §6).
    public static let compressed = BodyFlags(rawValue: 8)
}

/// The client's side of an ``Exchange``: carries out what the exchange decides.
///
/// Flow control: what a leg delivers into the exchange is taken when the exchange says ``taken()``; until then the
/// leg lets no more in than its own bound.
public protocol FrontLeg: AnyObject {
    /// Whether more may be delivered to the client now.
    var isWritable: Bool { get }
    /// The back-end is there. `head`: its response head, where its protocol has one.
    func backOpened(_ head: FieldBlock?)
    /// The back-end has sent an interim response (RFC 9110 §15.2) before its answer.
    func backInformed(_ head: FieldBlock)
    func deliver(_ bytes: ByteBuffer, _ flags: BodyFlags)
    /// The back-end ended cleanly. Without ``backOpened(_:)`` before it these are trailers only.
    func finish(_ trailers: FieldBlock?)
    /// The exchange is over, and not well.
    func fail(_ failure: Failure)
    /// All that was delivered so far was taken by the back-end's side.
    func taken()
    /// The bridge shuts down: end what would not end by itself.
    func drain()
    /// Whether the idle time is how a session of this protocol ends: then it is finished and has not failed.
    var endsInSilence: Bool { get }
    /// What has set the deadline: the request's own field, or a key of the route.
    var deadlineKey: String { get }
    /// The back-end is lost, and is dialled again after `delay`; `attempt` counts from 1.
    func backReconnecting(attempt: Int, delay: Duration)
    /// There is a new back-end session in place of the lost one.
    func backReconnected()
}

extension FrontLeg {
    public func backInformed(_ head: FieldBlock) {}
    public func backReconnecting(attempt: Int, delay: Duration) {}
    public func backReconnected() {}
    public var endsInSilence: Bool { false }
    public var deadlineKey: String { "timeouts.deadline" }
}

/// The back-end's side of an ``Exchange``.
public protocol BackLeg: AnyObject {
    /// Whether more may be delivered to the back-end now.
    var isWritable: Bool { get }
    /// Whether the client may still send after the back-end has ended its side (TCP's half-close).
    var staysOpenAfterEnd: Bool { get }
    /// The back-end's address once it is known, for logs and errors.
    var address: String? { get }
    /// Messages that were dropped because the client was slow.
    var dropped: Int { get }
    /// How often the call was tried.
    var attempts: Int { get }
    /// Reaches for the back-end; `exchange` hears of it by ``Exchange/backOpened(_:)`` or ``Exchange/backFailed(_:)``.
    func open(_ exchange: Exchange)
    func deliver(_ bytes: ByteBuffer, _ flags: BodyFlags)
    /// The client has ended its side.
    func finish(_ trailers: FieldBlock?)
    /// Nobody listens any more: what was delivered still goes out, then the back-end is let go cleanly.
    func detach()
    /// The exchange is over; let go of the back-end at once.
    func cancel()
    /// All that was delivered so far was taken by the client's side.
    func taken()
    /// Gives back what was delivered and not written, where ``Exchange/keepsUnwritten`` asked for it. For a leg that is
    /// lost: it writes nothing more.
    func takeUnwritten() -> Unwritten
}

extension BackLeg {
    /// Most protocols stop the back-end instead.
    public var dropped: Int { 0 }
    public var attempts: Int { 1 }
    public func takeUnwritten() -> Unwritten { Unwritten() }
}

/// One HTTP request and its response as the ingress carries it, over HTTP/1.1 or a stream of HTTP/2.
/// After ``openTunnel(_:)`` it is a stream of raw bytes both ways.
public protocol HTTPFrontStream: AnyObject {
    var isWritable: Bool { get }
    var handler: (any HTTPFrontHandler)? { get set }
    /// Sends an interim response (1xx, RFC 9110 §15.2); `fields` begin with `:status`.
    func inform(_ fields: FieldBlock)
    /// Sends the response's head; `fields` begin with `:status`.
    func respond(_ fields: FieldBlock, endStream: Bool)
    /// Answers a WebSocket's opening handshake; bytes are passed as they are from here on.
    func openTunnel(_ fields: FieldBlock)
    func write(_ bytes: ByteBuffer)
    func finish(_ trailers: FieldBlock?)
    /// Gives the response up, after what was written, in a way that the client cannot take for a clean end.
    func reset()
    /// Lets in as many bytes again as were taken.
    func consume(_ count: Int)
}

/// Who answers an ``HTTPFrontStream``.
public protocol HTTPFrontHandler: AnyObject {
    func requestBody(_ bytes: ByteBuffer)
    func requestEnded(_ trailers: FieldBlock?)
    /// The client is gone, or gave the request up.
    func requestAborted(_ reason: String)
    /// More can be written, after ``HTTPFrontStream/isWritable`` was false.
    func responseWritable()
    /// The bridge shuts down.
    func drain()
    /// Whether a client that expects 100 (Continue) is told so by the back-end, and not by the bridge.
    var passesExpectation: Bool { get }
}

extension HTTPFrontHandler {
    public var passesExpectation: Bool { false }
}
