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
        head.contentKind == .web
    }

    public static func accept(_ request: consuming FrontRequest) {
        guard request.head.method == .post,
            let type = request.head.fields.withFirst("content-type", { GRPCWebContentType.parse($0) }) ?? nil
        else { return refuseOther(request) }
        if type.mode == .text, !request.route.config.grpcWeb.text {
            let text = "This route takes application/grpc-web alone (grpcWeb.text is false)."
            return LocalAnswer.send(request.stream, status: 415, extra: corsFields(request), text: text)
        }
        GRPCWebFrontLeg(request, type).start()
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
