// rtbridge: which kind of gRPC a request's content-type names.
// SPDX-License-Identifier: Apache-2.0

/// What a `content-type` says of the protocol in a body, whatever its case, suffix and parameters.
public enum GRPCContentKind: Equatable, Sendable {
    /// `application/grpc` (gRPC PROTOCOL-HTTP2.md).
    case native
    /// `application/grpc-web` or `application/grpc-web-text` (gRPC PROTOCOL-WEB.md).
    case web
    /// Anything else, or nothing.
    case other

    public init(_ bytes: UnsafeRawBufferPointer) {
        if GRPCWebContentType.isNative(bytes) {
            self = .native
        } else {
            self = GRPCWebContentType.parse(bytes) == nil ? .other : .web
        }
    }
}
