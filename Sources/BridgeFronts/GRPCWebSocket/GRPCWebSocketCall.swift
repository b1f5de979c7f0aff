// rtbridge: one call on a WebSocket.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire
import NIOCore

/// Reads the client's messages of one call, and stands where the stream of an HTTP request would for the leg that
/// answers it: header fields and trailers go out as frames with the flag 0x80.
///
/// ```
/// block ──header block──▶ called ──trailers | reset | abort──▶ over
///   └─────────────────── refused ─────────────────────────────▶
/// ```
final class GRPCWebSocketCall {
    /// Of a WebSocket with one call always 0.
    let number: UInt32
    var handler: (any HTTPFrontHandler)?
    /// Bytes of the request that the back-end's side has not taken.
    private(set) var untaken = 0
    /// When the back-end's side last took some, or there were none to take.
    private(set) var lastTaken: NIODeadline

    private var reader: GRPCWebSocketReader
    /// Both nil once the call is over. Until then they and the call hold each other.
    private var leg: GRPCFrontLeg?
    private var session: GRPCWebSocketSession?
    private var isHeadSent = false

    init(_ number: UInt32, _ session: GRPCWebSocketSession) {
        self.number = number
        self.session = session
        reader = GRPCWebSocketReader(maxHeaderBytes: session.request.head.connection.maxHeaderBytes)
        lastTaken = session.request.worker.now
    }

    /// Whether a route has taken the call.
    var hasBegun: Bool { leg != nil }

    // MARK: The client's messages

    /// - Parameter isFinal: the message is the client's last, whatever it holds.
    func read(_ bytes: ByteBuffer, endsMessage: Bool, isFinal: Bool) {
        do throws(GRPCFrameError) {
            try take(reader.read(bytes, endsMessage: endsMessage))
            if endsMessage, isFinal { try take(reader.endByFlag()) }
        } catch {
            refuse(error.status)
        }
    }

    private func take(_ event: GRPCWebSocketReader.Event?) throws(GRPCFrameError) {
        guard let session else { return }
        switch event {
        case .fields(let block):
            let leg = try session.begin(self, block)
            // It may have ended the call already.
            if self.session != nil { self.leg = leg }
        case .body(let bytes):
            if untaken == 0 { lastTaken = session.request.worker.now }
            untaken += bytes.readableBytes
            handler?.requestBody(bytes)
            session.noteUntaken(of: self)
        case .end: handler?.requestEnded(nil)
        case nil: break
        }
    }

    /// Ends the call with a status of the bridge's own.
    func refuse(_ status: GRPCStatus) {
        guard let session else { return }
        if let leg { return leg.refuse(status) }
        session.noteRefused(self, status)
        respond(GRPCFields.trailers(code: Int(status.code.rawValue), message: status.message), endStream: true)
    }

    /// The client has gone, or has given the call up.
    func abort(_ reason: String) {
        guard session != nil else { return }
        let handler = handler
        letGo()
        handler?.requestAborted(reason)
    }

    func noteActivity() { leg?.noteActivity() }

    func giveUp(_ failure: Failure) { leg?.giveUp(failure) }
}

extension GRPCWebSocketCall: HTTPFrontStream {
    var isWritable: Bool { session?.isWritable ?? true }

    /// Calls have one head; gRPC knows no informational ones.
    func inform(_ fields: FieldBlock) {}

    func respond(_ fields: FieldBlock, endStream: Bool) {
        guard let session, !isHeadSent else { return }
        isHeadSent = true
        var frame = ByteBuffer()
        if endStream {
            GRPCWebTrailers.write(fields, asciiOnly: true, into: &frame)
        } else {
            GRPCWebTrailers.writeHeaders(fields, into: &frame)
        }
        session.send(frame, of: self, isLast: endStream)
        if endStream { end() }
    }

    func openTunnel(_ fields: FieldBlock) { preconditionFailure("GRPCWebSocketCall.openTunnel: a call is no tunnel") }

    func write(_ bytes: ByteBuffer) {
        guard bytes.readableBytes > 0 else { return }
        session?.send(bytes, of: self, isLast: false)
    }

    func finish(_ trailers: FieldBlock?) {
        guard let session else { return }
        var frame = ByteBuffer()
        GRPCWebTrailers.write(trailers ?? FieldBlock(), asciiOnly: true, into: &frame)
        session.send(frame, of: self, isLast: true)
        end()
    }

    /// Without trailers, so that nobody takes it for a clean end.
    func reset() {
        guard let session else { return }
        session.breakOff(self)
        end()
    }

    func consume(_ count: Int) {
        untaken = max(0, untaken - count)
        guard let session else { return }
        lastTaken = session.request.worker.now
        session.noteUntaken(of: self)
    }

    private func end() {
        guard let session else { return }
        letGo()
        session.ended(self)
    }

    private func letGo() {
        session = nil
        handler = nil
        leg = nil
    }
}
