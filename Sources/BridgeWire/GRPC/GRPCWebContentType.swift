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
    @inlinable
    public static func parse(_ value: some Collection<UInt8>) -> GRPCWebContentType? {
        withBytes(of: value) { parse($0) }
    }

    /// Asked of every call: bytes that lie together are looked at where they are.
    @inlinable
    static func withBytes<Result>(
        of value: some Collection<UInt8>, _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        value.withContiguousStorageIfAvailable { body(UnsafeRawBufferPointer($0)) }
            ?? ContiguousArray(value).withUnsafeBytes(body)
    }

    /// Reads a `content-type` where it lies.
    public static func parse(_ bytes: UnsafeRawBufferPointer) -> GRPCWebContentType? {
        // The longer name first: the other is its beginning.
        if let suffix = suffix(bytes, after: "application/grpc-web-text") { return .init(mode: .text, suffix: suffix) }
        if let suffix = suffix(bytes, after: "application/grpc-web") { return .init(mode: .binary, suffix: suffix) }
        return nil
    }

    /// Whether a `content-type` is native gRPC's: `application/grpc`, with or without a suffix.
    public static func isNative(_ bytes: UnsafeRawBufferPointer) -> Bool {
        FieldBytes.areEqual(bytes, "application/grpc") || FieldBytes.areEqual(bytes, "application/grpc+proto")
            || suffix(bytes, after: "application/grpc") != nil
    }

    /// What stands between `name` and the parameters; `nil` if that is neither empty nor `+` and a token.
    private static func suffix(_ bytes: UnsafeRawBufferPointer, after name: StaticString) -> String? {
        guard FieldTokens.hasPrefix(bytes, ignoringCase: name) else { return nil }
        let rest = UnsafeRawBufferPointer(rebasing: bytes[name.utf8CodeUnitCount...])
        let end = rest.firstIndex(of: UInt8(ascii: ";")) ?? rest.count
        let suffix = FieldTokens.trimmed(UnsafeRawBufferPointer(rebasing: rest[..<end]))
        guard let first = suffix.first else { return "" }
        guard first == UInt8(ascii: "+"), FieldTokens.isToken(UnsafeRawBufferPointer(rebasing: suffix[1...])) else {
            return nil
        }
        return FieldBytes.areEqual(suffix, "+proto") ? "+proto" : String(decoding: suffix, as: UTF8.self)
    }

    /// As it stands in a header. Literals cost no allocation, so the suffixes that nearly all clients send have some.
    public var value: String {
        switch (mode, suffix) {
        case (.binary, ""): "application/grpc-web"
        case (.binary, "+proto"): "application/grpc-web+proto"
        case (.binary, let suffix): "application/grpc-web" + suffix
        case (.text, ""): "application/grpc-web-text"
        case (.text, "+proto"): "application/grpc-web-text+proto"
        case (.text, let suffix): "application/grpc-web-text" + suffix
        }
    }

    /// What the back-end is sent: `application/grpc` with the same suffix.
    public var native: String {
        switch suffix {
        case "": "application/grpc"
        case "+proto": "application/grpc+proto"
        default: "application/grpc" + suffix  // any other suffix is as good
        }
    }

    /// The text of a native content type, without an allocation for those that nearly all send.
    public static func native(_ value: UnsafeRawBufferPointer) -> String {
        if FieldBytes.areEqual(value, "application/grpc") { return "application/grpc" }
        if FieldBytes.areEqual(value, "application/grpc+proto") { return "application/grpc+proto" }
        return String(decoding: value, as: UTF8.self)
    }

    /// What the client is answered: the kind of its request, or text where its `Accept` begins with that.
    public func response(accept: FieldValue?) -> GRPCWebContentType {
        guard mode == .binary, let accept else { return self }
        let wantsText = accept.withUnsafeBytes {
            FieldTokens.hasPrefix(FieldTokens.trimmed($0), ignoringCase: "application/grpc-web-text")
        }
        return wantsText ? GRPCWebContentType(mode: .text, suffix: suffix) : self
    }
}
