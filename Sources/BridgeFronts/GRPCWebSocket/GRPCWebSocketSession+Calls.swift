// rtbridge: which calls the messages of a WebSocket begin, carry and end.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgeTelemetry
import BridgeWire
import NIOCore

extension GRPCWebSocketSession {
    /// A piece of a message.
    func received(_ bytes: ByteBuffer, endsMessage: Bool) throws(WebSocketViolation) {
        switch kind {
        case .single:
            calls[0]?.read(bytes, endsMessage: endsMessage, isFinal: false)
        case .multiplex:
            guard let piece = try demultiplexer.read(bytes, endsMessage: endsMessage) else { return }
            if piece.beginsMessage { current = call(for: piece) }
            let call = current
            if endsMessage { current = nil }
            call?.read(piece.bytes, endsMessage: endsMessage, isFinal: piece.stream.isFinal)
        }
    }

    /// The call that a message belongs to.
    ///
    /// A stream's number is free again when its call is over, and its client may not know that yet. What it still says
    /// there begins with 0 or 1, which no header block does, and is passed over.
    private func call(for piece: GRPCWebSocketDemultiplexer.Piece) -> GRPCWebSocketCall? {
        let number = piece.stream.number
        if let call = calls[number] {
            guard piece.bytes.readableBytes == 0, piece.stream.isFinal else { return call }
            // Final, and not even the mark of a half-close: the client wants no answer any more.
            calls[number] = nil
            call.abort("the client gave the call up")
            forget(call)
            return nil
        }
        let bytes = piece.bytes
        guard number != GRPCWebSocketStreamID.goAway.number,
            let first: UInt8 = bytes.getInteger(at: bytes.readerIndex), first > GRPCWebSocketReader.endMark
        else { return nil }
        let call = GRPCWebSocketCall(number, self)
        guard !worker.isDraining else {
            call.refuse(GRPCStatus(.unavailable, "rtbridge is shutting down"))
            return nil
        }
        let most = request.head.connection.maxConcurrentStreams
        guard calls.count < most else {
            let text = "\(most) calls are open on this WebSocket (limits.maxConcurrentStreams)"
            call.refuse(GRPCStatus(.resourceExhausted, text))
            return nil
        }
        calls[number] = call
        return call
    }

    /// A call's header block is here.
    /// - Throws: ``GRPCFrameError`` with which the call is to be refused.
    func begin(_ call: GRPCWebSocketCall, _ block: FieldBlock) throws(GRPCFrameError) -> GRPCFrontLeg {
        let opening = request.head
        let route = try route(for: GRPCWebSocketHead.forRoute(opening, block, kind))
        let options = route.config.grpcWeb
        let head = try GRPCWebSocketHead.make(opening, block, kind, forwarding: options.forwardUpgradeHeaders)
        let leg = try GRPCWebSocketFrontLeg(FrontRequest(head: head, stream: call, route: route, worker: worker))
        leg.start()
        return leg
    }

    /// Each call of a shared WebSocket has a route of its own, and that route's rules hold for it.
    private func route(for head: RequestHead) throws(GRPCFrameError) -> WorkerRoute {
        guard kind == .multiplex else { return request.route }
        let path = String(decoding: head.path, as: UTF8.self)
        guard let route = findRoute(head) else {
            throw GRPCFrameError(status: GRPCStatus(.unimplemented, "no route matches \(path)"))
        }
        guard GRPCWebSocketFront.takes(.multiplex, route.config.grpcWeb) else {
            let text = "route \(route.name) takes no calls that share a WebSocket (grpcWeb.multiplex)"
            throw GRPCFrameError(status: GRPCStatus(.unimplemented, text))
        }
        guard WebSocketFront.isOriginAllowed(request.head, route.config.cors?.allowOrigins) else {
            let text = "the page's origin is not among cors.allowOrigins of route \(route.name)"
            throw GRPCFrameError(status: GRPCStatus(.permissionDenied, text))
        }
        return route
    }

    // MARK: Ends

    /// The call's last message was sent.
    func ended(_ call: GRPCWebSocketCall) {
        if calls[call.number] === call { calls[call.number] = nil }
        forget(call)
        switch kind {
        case .single: startClosing(.normalClosure, "")
        case .multiplex: closeIfDrained()
        }
    }

    private func forget(_ call: GRPCWebSocketCall) {
        if current === call { current = nil }
        noteUntaken(of: call)
        noteCallEnded()
    }

    /// The call ends in a way that nobody can take for a clean one: without trailers.
    func breakOff(_ call: GRPCWebSocketCall) {
        switch kind {
        case .single: startClosing(.internalError, "the call was lost within a message")
        case .multiplex: send(ByteBuffer(), GRPCWebSocketStreamID(number: call.number, isFinal: true))
        }
    }

    /// Why a call was refused, where it was not for what its client sent.
    private static let refusalKinds: [GRPCStatusCode: Failure.Kind] = [
        .unavailable: .draining, .resourceExhausted: .overloaded, .unimplemented: .refused, .permissionDenied: .refused,
    ]

    /// A call that no leg has taken leaves an access line all the same.
    func noteRefused(_ call: GRPCWebSocketCall, _ status: GRPCStatus) {
        let head = request.head
        let kind = Self.refusalKinds[status.code] ?? .protocolViolation
        worker.note(
            AccessRecord(
                route: request.route.name, front: "grpc-websockets", client: head.connection.client,
                path: String(decoding: head.path, as: UTF8.self), status: String(status.code.rawValue),
                failure: kind.rawValue, back: "", bytesIn: 0, bytesOut: 0,
                duration: .zero))
    }

    // MARK: Drain

    /// Calls end by themselves, and the drain's bound ends those that do not; without calls there is nothing to wait for.
    func drainCalls() {
        if kind == .multiplex { send(ByteBuffer(), GRPCWebSocketStreamID.goAway) }
        guard kind == .multiplex || !hasCalls else { return }
        closeIfDrained()
    }

    private func closeIfDrained() {
        guard worker.isDraining, !hasCalls else { return }
        startClosing(.goingAway, "rtbridge is shutting down")
    }
}
