// rtbridge: a gRPC-Web request body on its way to the back-end.
// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// Turns the body of a gRPC-Web request into gRPC's, piece by piece as it arrives (gRPC PROTOCOL-WEB.md).
/// The frames are the same in both; a text body is base64 and is decoded on the way.
public struct GRPCWebRequestBody: Sendable {
    private var base64: Base64Decoder?
    private var scanner: GRPCFrameScanner

    public init(text: Bool, maxMessageBytes: Int) {
        base64 = text ? Base64Decoder() : nil
        scanner = GRPCFrameScanner(maxMessageBytes: maxMessageBytes)
    }

    /// The messages that have begun.
    public var messageCount: Int { scanner.frameCount }

    /// - Returns: what to send to the back-end, perhaps nothing yet; a binary body passes as it is.
    /// - Throws: ``GRPCFrameError``; then nothing of `buffer` is to be sent.
    public mutating func transform(_ buffer: ByteBuffer) throws(GRPCFrameError) -> ByteBuffer {
        guard base64 != nil else {
            try buffer.withUnsafeReadableBytes { (bytes) throws(GRPCFrameError) in try scanner.scan(bytes) }
            return buffer
        }
        var decoded = ByteBuffer()
        do throws(Base64Decoder.Invalid) {
            try buffer.withUnsafeReadableBytes { (bytes) throws(Base64Decoder.Invalid) in
                try base64?.write(bytes, into: &decoded)
            }
        } catch {
            throw .invalidBase64
        }
        try decoded.withUnsafeReadableBytes { (bytes) throws(GRPCFrameError) in try scanner.scan(bytes) }
        return decoded
    }

    /// The body has ended.
    /// - Throws: ``GRPCFrameError`` if it ended inside a group of base64 or inside a frame.
    public func finish() throws(GRPCFrameError) {
        if let base64, !base64.isAtBoundary { throw .invalidBase64 }
        guard scanner.isAtBoundary else { throw .insideFrame }
    }
}
