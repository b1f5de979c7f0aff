// rtbridge: the client's side of a gRPC-Web call.
// SPDX-License-Identifier: Apache-2.0

import BridgeCore
import BridgeWire
import NIOCore

/// Bodies in gRPC-Web's frames; trailers are the last of them (gRPC PROTOCOL-WEB.md).
class GRPCWebFrontLeg: GRPCFrontLeg {
    private let answerType: String
    private let isTextAnswer: Bool
    private let clientAccepts: FieldValue?
    private let maxMessageBytes: Int
    private var requestBodyState: GRPCWebRequestBody
    private var responseBodyState: GRPCWebResponseBody?

    convenience init(_ request: FrontRequest, _ type: GRPCWebContentType) {
        self.init(request, type, answer: type.response(accept: request.head.fields.first("accept")))
    }

    init(_ request: FrontRequest, _ type: GRPCWebContentType, answer: GRPCWebContentType) {
        let head = request.head
        answerType = answer.value
        isTextAnswer = answer.mode == .text
        clientAccepts = head.fields.first("grpc-accept-encoding")
        maxMessageBytes = request.route.config.maxMessageBytes
        requestBodyState = GRPCWebRequestBody(text: type.mode == .text, maxMessageBytes: maxMessageBytes)
        super.init(request, asking: GRPCFields.request(head, contentType: type.native))
    }

    override var frontName: String { "grpc-web" }
    override var saysEmptyBody: Bool { true }
    override final var isNative: Bool { false }
    override final var frontContentType: String { answerType }
    override final var isInsideFrame: Bool { responseBodyState?.isInsideFrame ?? false }

    override final func passRequest(_ bytes: ByteBuffer, to exchange: Exchange) throws(GRPCFrameError) {
        exchange.frontBody(try requestBodyState.transform(bytes))
    }

    override final func checkRequestEnd() throws(GRPCFrameError) { try requestBodyState.finish() }

    override final func responseBegan(_ answer: FieldBlock) -> Bool {
        let body = GRPCWebResponseBody(
            text: isTextAnswer, encoding: answer.first("grpc-encoding"), clientAccepts: clientAccepts,
            maxMessageBytes: maxMessageBytes)
        responseBodyState = body
        return !body.dropsEncodingField
    }

    override final func writeResponse(_ bytes: ByteBuffer, to stream: any HTTPFrontStream) throws(GRPCFrameError) {
        stream.write(try responseBodyState?.transform(bytes) ?? bytes)
    }

    override func endAnswer(_ stream: any HTTPFrontStream, _ trailers: FieldBlock, _ worker: Worker) {
        if let body = responseBodyState {
            worker.scratch.clear()
            body.writeTrailers(GRPCFields.response(trailers), into: &worker.scratch)
            stream.write(worker.scratch)
        }
        stream.finish(nil)
    }
}
