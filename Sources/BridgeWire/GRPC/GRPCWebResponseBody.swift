// rtbridge: a gRPC response body on its way to a gRPC-Web client.
// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// Turns the body of a gRPC response into gRPC-Web's, piece by piece as it arrives (gRPC PROTOCOL-WEB.md).
///
/// Where nothing is to be changed the very buffer that came in goes out. A message that is compressed in a way that the
/// client did not ask for is decompressed, as browsers' clients know the flags 0x00 and 0x80 alone.
public struct GRPCWebResponseBody {
    private let isText: Bool
    /// Follows frames that pass as they are, and refuses compressed ones where nobody could read them.
    private var scanner: GRPCFrameScanner
    /// Stands in for the scanner where compressed messages are to be rewritten.
    private var decompressor: GRPCDecompressor?

    /// Whether what the client has been sent ends inside a frame: then no trailer frame may follow.
    public private(set) var isInsideFrame = false

    /// Whether `grpc-encoding` must not stand in the response's headers, as no compressed message will follow them.
    public let dropsEncodingField: Bool

    /// - Parameters:
    ///   - encoding: the back-end's `grpc-encoding`.
    ///   - clientAccepts: the client's own `grpc-accept-encoding`.
    public init(
        text: Bool, encoding: FieldValue?, clientAccepts: FieldValue?, maxMessageBytes: Int
    ) {
        isText = text
        let name = encoding.map { String(decoding: $0, as: UTF8.self).lowercased() } ?? "identity"
        var refusal: GRPCFrameError?
        if name == "identity" {
            refusal = .compressedWithoutEncoding
            dropsEncodingField = false
        } else if let clientAccepts, Self.list(clientAccepts, names: name) {
            dropsEncodingField = false
        } else {
            dropsEncodingField = true
            switch name {
            case "gzip": decompressor = GRPCDecompressor(.gzip, maxMessageBytes: maxMessageBytes)
            case "deflate": decompressor = GRPCDecompressor(.zlib, maxMessageBytes: maxMessageBytes)
            default: refusal = .unknownEncoding(String(name.prefix(32)))
            }
        }
        scanner = GRPCFrameScanner(maxMessageBytes: maxMessageBytes, refusingCompressed: refusal)
    }

    private static func list(_ value: some Collection<UInt8>, names name: String) -> Bool {
        String(decoding: value, as: UTF8.self).lowercased().split(separator: ",").contains { element in
            element.drop { $0 == " " || $0 == "\t" }.prefix { $0 != " " && $0 != "\t" && $0 != ";" } == name
        }
    }

    /// - Returns: what to send to the client, perhaps nothing yet.
    /// - Throws: ``GRPCFrameError``; then nothing of `buffer` is to be sent, and ``isInsideFrame`` still tells whether a
    ///   trailer frame with the error's status may follow what was.
    public mutating func transform(_ buffer: ByteBuffer) throws(GRPCFrameError) -> ByteBuffer {
        var output = buffer
        if let rewritten = try decompressor?.transform(buffer) {
            output = rewritten
            isInsideFrame = decompressor?.isOutputInsideFrame ?? false
        } else {
            try buffer.withUnsafeReadableBytes { (bytes) throws(GRPCFrameError) in try scanner.scan(bytes) }
            isInsideFrame = !scanner.isAtBoundary
        }
        return isText ? Self.base64(output) : output
    }

    /// The back-end's body has ended.
    /// - Throws: ``GRPCFrameError`` if it ended inside a frame.
    public func finish() throws(GRPCFrameError) {
        guard decompressor?.isAtBoundary ?? scanner.isAtBoundary else { throw .insideFrame }
    }

    /// Appends the trailer frame, as ``GRPCWebTrailers/write(_:asciiOnly:into:)`` makes it; in base64 for a text body.
    public func writeTrailers(_ fields: FieldBlock, into buffer: inout ByteBuffer) {
        guard isText else { return GRPCWebTrailers.write(fields, into: &buffer) }
        var frame = ByteBuffer()
        GRPCWebTrailers.write(fields, into: &frame)
        frame.withUnsafeReadableBytes { Base64Encoder.write($0, into: &buffer) }
    }

    private static func base64(_ buffer: ByteBuffer) -> ByteBuffer {
        guard buffer.readableBytes > 0 else { return buffer }
        var text = ByteBufferAllocator().buffer(capacity: Base64Encoder.encodedLength(buffer.readableBytes))
        buffer.withUnsafeReadableBytes { Base64Encoder.write($0, into: &text) }
        return text
    }
}
