// rtbridge: native gRPC as a front protocol.
// SPDX-License-Identifier: Apache-2.0

import BridgeConfig
import BridgeCore
import BridgeWire
import NIOCore

/// gRPC over HTTP/2 (gRPC PROTOCOL-HTTP2.md), passed through.
public enum GRPCFront: FrontProtocol {
    public static let name = FrontProtocolName.grpc

    private static let nativeType = "application/grpc"

    public static func recognises(_ head: RequestHead) -> Bool {
        head.contentKind == .native
    }

    public static func accept(_ request: consuming FrontRequest) {
        guard request.head.version == .http2 else {
            return LocalAnswer.send(
                request.stream, status: 505, text: "gRPC needs HTTP/2; over HTTP/1.1 use application/grpc-web.")
        }
        guard request.head.method == .post else { return refuseMethod(request.stream) }
        GRPCFrontLeg(native: request).start()
    }

    public static func refuse(_ head: RequestHead, _ stream: any HTTPFrontStream) {
        guard head.version == .http2 else {
            return LocalAnswer.send(stream, status: 404, text: "No route matches this path.")
        }
        sendNoRoute(head, stream, contentType: nativeType)
    }

    static func refuseMethod(_ stream: any HTTPFrontStream, cors: FieldBlock = FieldBlock()) {
        var extra = cors
        extra.append("allow", "POST, OPTIONS")
        LocalAnswer.send(stream, status: 405, extra: extra, text: "gRPC calls are made with POST.")
    }

    /// A call that no route takes is UNIMPLEMENTED, in the way that a client of gRPC understands.
    static func sendNoRoute(_ head: RequestHead, _ stream: any HTTPFrontStream, contentType: String) {
        let path = String(decoding: head.path, as: UTF8.self)
        var fields = FieldBlock()
        fields.append(":status", "200")
        fields.append("content-type", contentType.utf8)
        if contentType != nativeType { fields.append("content-length", "0") }
        let code = Int(GRPCStatusCode.unimplemented.rawValue)
        fields.append(GRPCFields.trailers(code: code, message: "no route matches \(path)"))
        stream.respond(fields, endStream: true)
    }
}
