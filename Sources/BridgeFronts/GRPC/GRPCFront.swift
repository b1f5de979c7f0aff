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
        head.fields.withFirst("content-type") { GRPCWebContentType.isNative($0) } ?? false
    }

    public static func accept(_ request: FrontRequest) {
        guard request.head.version == .http2 else {
            return LocalAnswer.send(
                request.stream, status: 505, text: "gRPC needs HTTP/2; over HTTP/1.1 use application/grpc-web.")
        }
        guard request.head.method == .post else { return refuseMethod(request.stream) }
        let dialect = NativeDialect(request.head, maxMessageBytes: request.route.config.maxMessageBytes)
        GRPCFrontLeg(request, dialect).start()
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

/// Frames go through as they are; only their lengths are looked at.
final class NativeDialect: GRPCDialect {
    var frontName: String { "grpc" }
    var isNative: Bool { true }
    var saysEmptyBody: Bool { false }

    let backContentType: String
    private(set) var frontContentType: String
    private var requestScanner: GRPCFrameScanner
    private var responseScanner: GRPCFrameScanner

    init(_ head: RequestHead, maxMessageBytes: Int) {
        backContentType = head.fields.withFirst("content-type") { GRPCWebContentType.native($0) } ?? "application/grpc"
        frontContentType = backContentType
        requestScanner = GRPCFrameScanner(maxMessageBytes: maxMessageBytes)
        responseScanner = GRPCFrameScanner(maxMessageBytes: maxMessageBytes)
    }

    var isInsideFrame: Bool { !responseScanner.isAtBoundary }

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
        if let type = head.withFirst("content-type", { GRPCWebContentType.native($0) }) { frontContentType = type }
        return true
    }

    func responseBody(_ bytes: ByteBuffer) throws(GRPCFrameError) -> ByteBuffer {
        try responseScanner.scan(bytes)
        return bytes
    }

    func end(_ stream: any HTTPFrontStream, _ trailers: FieldBlock, _ worker: Worker) {
        stream.finish(GRPCFields.response(trailers))
    }
}

extension GRPCFrameScanner {
    mutating func scan(_ bytes: ByteBuffer) throws(GRPCFrameError) {
        try bytes.withUnsafeReadableBytes { (bytes) throws(GRPCFrameError) in try scan(bytes) }
    }
}
