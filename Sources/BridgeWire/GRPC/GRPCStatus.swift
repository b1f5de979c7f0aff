// rtbridge: how a gRPC call ended.
// SPDX-License-Identifier: Apache-2.0

/// A gRPC status: code and message, the message as text and not percent-encoded.
public struct GRPCStatus: Error, Equatable, Sendable {
    public var code: GRPCStatusCode
    public var message: String

    @inlinable
    public init(_ code: GRPCStatusCode, _ message: String = "") {
        self.code = code
        self.message = message
    }
}

extension GRPCStatus {
    /// Appends `grpc-status` and, where there is a message, `grpc-message`.
    public func append(to fields: inout FieldBlock) {
        fields.append("grpc-status", String(code.rawValue).utf8)
        if !message.isEmpty { fields.append("grpc-message", GRPCMessageText.encode(message).utf8) }
    }
}

extension GRPCStatus: CustomStringConvertible {
    public var description: String { message.isEmpty ? code.name : "\(code.name): \(message)" }
}
