// rtbridge: what gRPC and gRPC-Web do not have in common.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire
import NIOCore

/// How a client puts gRPC on the wire: natively (gRPC PROTOCOL-HTTP2.md), or for browsers (gRPC PROTOCOL-WEB.md).
protocol GRPCDialect: AnyObject {
    /// In access records.
    var frontName: String { get }
    /// Whether fields and bytes are the back-end's own.
    var isNative: Bool { get }
    /// Whether an answer of header fields alone says `content-length: 0`.
    var saysEmptyBody: Bool { get }

    /// The content-type of the request to the back-end.
    var backContentType: String { get }
    /// The content-type of every answer to the client.
    var frontContentType: String { get }
    /// Whether what was sent to the client ends within a message.
    var isInsideFrame: Bool { get }

    /// Bytes of the request, as the back-end takes them.
    func requestBody(_ bytes: ByteBuffer) throws(GRPCFrameError) -> ByteBuffer
    func requestEnded() throws(GRPCFrameError)
    /// The back-end's answer begins.
    /// - Returns: whether its `grpc-encoding` holds for the client too.
    func responseBegan(_ head: FieldBlock) -> Bool
    /// Bytes of the answer, as the client takes them.
    func responseBody(_ bytes: ByteBuffer) throws(GRPCFrameError) -> ByteBuffer
    /// Ends an answer that had begun.
    func end(_ stream: any HTTPFrontStream, _ trailers: FieldBlock, _ worker: Worker)
}
