// rtbridge: the client's side of a gRPC call over WebSocket.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire
import NIOCore

/// gRPC-Web's frames; header fields and trailers are frames as well, and the call's stream writes them.
final class GRPCWebSocketFrontLeg: GRPCWebFrontLeg {
    /// - Throws: ``GRPCFrameError`` (INTERNAL) if the content-type is another protocol's.
    init(_ request: FrontRequest) throws(GRPCFrameError) {
        let type = try Self.contentType(request.head.fields.first("content-type"))
        super.init(request, type, answer: type)
    }

    /// The transport's clients send gRPC-Web's; it says no more than how messages are encoded.
    private static func contentType(_ value: FieldValue?) throws(GRPCFrameError) -> GRPCWebContentType {
        guard let value else { return GRPCWebContentType(mode: .binary) }
        guard let type = GRPCWebContentType.parse(value), type.mode == .binary else {
            let reason = "the content-type of a call over WebSocket is application/grpc-web, with any suffix"
            throw GRPCFrameError(status: GRPCStatus(.internal, reason))
        }
        return type
    }

    override var frontName: String { "grpc-websockets" }
    override var saysEmptyBody: Bool { false }

    override func endAnswer(_ stream: any HTTPFrontStream, _ trailers: FieldBlock, _ worker: Worker) {
        stream.finish(GRPCFields.response(trailers))
    }
}
