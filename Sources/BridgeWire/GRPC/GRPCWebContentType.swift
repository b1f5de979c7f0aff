// rtbridge: the content types of gRPC-Web and gRPC.
// SPDX-License-Identifier: Apache-2.0

/// `application/grpc-web` or `application/grpc-web-text`, with the suffix that names the messages' format
/// (gRPC PROTOCOL-WEB.md, "Protocol differences").
public struct GRPCWebContentType: Equatable, Sendable {
    public enum Mode: Equatable, Sendable {
        case binary
        /// The body is base64.
        case text
    }

    public var mode: Mode
    /// `+proto`, `+json` or any other, as the client spelt it; empty without one.
    public var suffix: String

    public init(mode: Mode, suffix: String = "") {
        self.mode = mode
        self.suffix = suffix
    }

    /// Reads a `content-type`, whatever its case and parameters.
    /// - Returns: `nil` if it is not gRPC-Web's.
    public static func parse(_ value: some Collection<UInt8>) -> GRPCWebContentType? {
        let value = ContiguousArray(value)
        return value.withUnsafeBytes { bytes in
            // The longer name first: the other is its beginning.
            if let suffix = suffix(bytes, after: "application/grpc-web-text") {
                return .init(mode: .text, suffix: suffix)
            }
            if let suffix = suffix(bytes, after: "application/grpc-web") { return .init(mode: .binary, suffix: suffix) }
            return nil
        }
    }

    /// Whether a `content-type` is native gRPC's: `application/grpc`, with or without a suffix.
    public static func isNative(_ value: some Collection<UInt8>) -> Bool {
        ContiguousArray(value).withUnsafeBytes { suffix($0, after: "application/grpc") != nil }
    }

    /// What stands between `name` and the parameters; `nil` if that is neither empty nor `+` and a token.
    private static func suffix(_ bytes: UnsafeRawBufferPointer, after name: StaticString) -> String? {
        guard FieldTokens.hasPrefix(bytes, ignoringCase: name) else { return nil }
        let rest = bytes[name.utf8CodeUnitCount...].prefix { $0 != UInt8(ascii: ";") }
        let suffix = FieldTokens.trimmed(UnsafeRawBufferPointer(rebasing: rest))
        guard let first = suffix.first else { return "" }
        guard first == UInt8(ascii: "+"), FieldTokens.isToken(suffix.dropFirst()) else { return nil }
        return String(decoding: suffix, as: UTF8.self)
    }

    /// As it stands in a header.
    public var value: String {
        switch mode {
        case .binary: "application/grpc-web" + suffix
        case .text: "application/grpc-web-text" + suffix
        }
    }

    /// What the back-end is sent: `application/grpc` with the same suffix.
    public var native: String { "application/grpc" + suffix }

    /// What the client is answered: the kind of its request, or text where its `Accept` begins with that.
    public func response(accept: ArraySlice<UInt8>?) -> GRPCWebContentType {
        guard mode == .binary, let accept else { return self }
        let wantsText = accept.withUnsafeBytes {
            FieldTokens.hasPrefix(FieldTokens.trimmed($0), ignoringCase: "application/grpc-web-text")
        }
        return wantsText ? GRPCWebContentType(mode: .text, suffix: suffix) : self
    }
}
