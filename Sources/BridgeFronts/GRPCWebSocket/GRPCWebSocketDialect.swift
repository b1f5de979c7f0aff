// rtbridge: what is special about the bodies of calls over WebSocket.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire
import NIOCore

/// gRPC-Web's frames; header fields and trailers are frames as well, and the call's stream writes them.
final class GRPCWebSocketDialect: GRPCDialect {
    var frontName: String { "grpc-websockets" }
    var isNative: Bool { false }
    var saysEmptyBody: Bool { false }

    let backContentType: String
    let frontContentType: String
    private let clientAccepts: FieldValue?
    private let maxMessageBytes: Int
    private var requestScanner: GRPCFrameScanner
    private var responseBodyState: GRPCWebResponseBody?

    /// - Throws: ``GRPCFrameError`` (INTERNAL) if the content-type is another protocol's.
    init(_ head: RequestHead, maxMessageBytes: Int) throws(GRPCFrameError) {
        let type = try Self.contentType(head.fields.first("content-type"))
        backContentType = type.native
        frontContentType = type.value
        clientAccepts = head.fields.first("grpc-accept-encoding")
        self.maxMessageBytes = maxMessageBytes
        requestScanner = GRPCFrameScanner(maxMessageBytes: maxMessageBytes)
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

    var isInsideFrame: Bool { responseBodyState?.isInsideFrame ?? false }

    func requestBody(_ bytes: ByteBuffer) throws(GRPCFrameError) -> ByteBuffer {
        try requestScanner.scan(bytes)
        return bytes
    }

    func requestEnded() throws(GRPCFrameError) {
        guard requestScanner.isAtBoundary else {
            throw GRPCFrameError(status: GRPCStatus(.internal, "the request ends within a message"))
        }
    }

    func responseBegan(_ head: FieldBlock) -> Bool {
        let body = GRPCWebResponseBody(
            text: false, encoding: head.first("grpc-encoding"), clientAccepts: clientAccepts,
            maxMessageBytes: maxMessageBytes)
        responseBodyState = body
        return !body.dropsEncodingField
    }

    func responseBody(_ bytes: ByteBuffer) throws(GRPCFrameError) -> ByteBuffer {
        try responseBodyState?.transform(bytes) ?? bytes
    }

    func end(_ stream: any HTTPFrontStream, _ trailers: FieldBlock, _ worker: Worker) {
        stream.finish(GRPCFields.response(trailers))
    }
}
