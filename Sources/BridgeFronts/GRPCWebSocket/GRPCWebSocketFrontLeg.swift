// rtbridge: the client's side of a gRPC call over WebSocket.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire
import NIOCore

/// gRPC-Web's frames; header fields and trailers are frames as well, and the call's stream writes them.
final class GRPCWebSocketFrontLeg: GRPCFrontLeg {
    private let answerType: String
    private let clientAccepts: FieldValue?
    private let maxMessageBytes: Int
    private var responseBodyState: GRPCWebResponseBody?

    /// - Throws: ``GRPCFrameError`` (INTERNAL) if the content-type is another protocol's.
    init(_ request: FrontRequest) throws(GRPCFrameError) {
        let head = request.head
        let type = try Self.contentType(head.fields.first("content-type"))
        answerType = type.value
        clientAccepts = head.fields.first("grpc-accept-encoding")
        maxMessageBytes = request.route.config.maxMessageBytes
        let isTLS = request.route.isBackTLS
        super.init(request, asking: GRPCFields.request(head, contentType: type.native, isTLS: isTLS))
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
    override var isNative: Bool { false }
    override var frontContentType: String { answerType }
    override var isInsideFrame: Bool { responseBodyState?.isInsideFrame ?? false }

    override func responseBegan(_ answer: FieldBlock) -> Bool {
        let body = GRPCWebResponseBody(
            text: false, encoding: answer.first("grpc-encoding"), clientAccepts: clientAccepts,
            maxMessageBytes: maxMessageBytes)
        responseBodyState = body
        return !body.dropsEncodingField
    }

    override func writeResponse(_ bytes: ByteBuffer, to stream: any HTTPFrontStream) throws(GRPCFrameError) {
        stream.write(try responseBodyState?.transform(bytes) ?? bytes)
    }
}
