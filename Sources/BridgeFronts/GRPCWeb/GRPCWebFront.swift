// rtbridge: gRPC-Web as a front protocol.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgeWire
import NIOCore

/// gRPC-Web over HTTP/1.1 and HTTP/2, binary and text (gRPC PROTOCOL-WEB.md).
public enum GRPCWebFront: FrontProtocol {
    public static let name = FrontProtocolName.grpcWeb

    public static func recognises(_ head: RequestHead) -> Bool {
        head.fields.withFirst("content-type") { GRPCWebContentType.parse($0) != nil } ?? false
    }

    public static func accept(_ request: FrontRequest) {
        guard request.head.method == .post,
            let type = request.head.fields.withFirst("content-type", { GRPCWebContentType.parse($0) }) ?? nil
        else { return refuseOther(request) }
        if type.mode == .text, !request.route.config.grpcWeb.text {
            let text = "This route takes application/grpc-web alone (grpcWeb.text is false)."
            return LocalAnswer.send(request.stream, status: 415, extra: corsFields(request), text: text)
        }
        GRPCFrontLeg(request, WebDialect(request, type)).start()
    }

    static let unsupportedType = "This route takes application/grpc-web and application/grpc-web-text alone."

    public static func refuse(_ head: RequestHead, _ stream: any HTTPFrontStream) {
        let type = head.fields.withFirst("content-type") { GRPCWebContentType.parse($0) } ?? nil
        let answer = type?.response(accept: head.fields.first("accept"))
        GRPCFront.sendNoRoute(head, stream, contentType: answer?.value ?? "application/grpc-web")
    }

    /// Answers a request at a place where only gRPC-Web is spoken, and which speaks something else.
    public static func refuseOther(_ request: FrontRequest) {
        let cors = corsFields(request)
        guard request.head.method == .post else { return GRPCFront.refuseMethod(request.stream, cors: cors) }
        LocalAnswer.send(request.stream, status: 415, extra: cors, text: unsupportedType)
    }

    /// What lets a page read an answer that is not gRPC's.
    private static func corsFields(_ request: FrontRequest) -> FieldBlock {
        var fields = FieldBlock()
        if let cors = request.route.cors, let origin = cors.allowedOrigin(request.head.fields) {
            cors.decorate(&fields, origin: origin, exposing: [])
        }
        return fields
    }

    /// Answers a preflight itself; it never reaches a back-end.
    public static func answerPreflight(_ request: FrontRequest) {
        guard let cors = request.route.cors, let origin = cors.allowedOrigin(request.head.fields) else {
            let origin = request.head.fields.string("origin") ?? ""
            let text = "Origin \(origin) is not among cors.allowOrigins of route \(request.route.name)."
            return LocalAnswer.send(request.stream, status: 403, text: text)
        }
        let answer = cors.preflight(request.head, origin: origin, methods: "POST".utf8)
        request.stream.respond(answer, endStream: true)
    }
}

/// Bodies in gRPC-Web's frames; trailers are the last of them.
final class WebDialect: GRPCDialect {
    var frontName: String { "grpc-web" }
    var isNative: Bool { false }
    var saysEmptyBody: Bool { true }

    let backContentType: String
    let frontContentType: String
    private let isTextAnswer: Bool
    private let clientAccepts: FieldValue?
    private let maxMessageBytes: Int
    private var requestBodyState: GRPCWebRequestBody
    private var responseBodyState: GRPCWebResponseBody?

    init(_ request: FrontRequest, _ type: GRPCWebContentType) {
        let fields = request.head.fields
        let answer = type.response(accept: fields.first("accept"))
        backContentType = type.native
        frontContentType = answer.value
        isTextAnswer = answer.mode == .text
        clientAccepts = fields.first("grpc-accept-encoding")
        maxMessageBytes = request.route.config.maxMessageBytes
        requestBodyState = GRPCWebRequestBody(text: type.mode == .text, maxMessageBytes: maxMessageBytes)
    }

    var isInsideFrame: Bool { responseBodyState?.isInsideFrame ?? false }

    func requestBody(_ bytes: ByteBuffer) throws(GRPCFrameError) -> ByteBuffer {
        try requestBodyState.transform(bytes)
    }

    func requestEnded() throws(GRPCFrameError) { try requestBodyState.finish() }

    func responseBegan(_ head: FieldBlock) -> Bool {
        let body = GRPCWebResponseBody(
            text: isTextAnswer, encoding: head.first("grpc-encoding"), clientAccepts: clientAccepts,
            maxMessageBytes: maxMessageBytes)
        responseBodyState = body
        return !body.dropsEncodingField
    }

    func responseBody(_ bytes: ByteBuffer) throws(GRPCFrameError) -> ByteBuffer {
        try responseBodyState?.transform(bytes) ?? bytes
    }

    func end(_ stream: any HTTPFrontStream, _ trailers: FieldBlock, _ worker: Worker) {
        if let body = responseBodyState {
            worker.scratch.clear()
            body.writeTrailers(GRPCFields.response(trailers), into: &worker.scratch)
            stream.write(worker.scratch)
        }
        stream.finish(nil)
    }
}
