// rtbridge: what is wrong with a gRPC body.
// SPDX-License-Identifier: Apache-2.0

/// A body that breaks the framing of gRPC or the route's limits, with the status that the client is to see.
public struct GRPCFrameError: Error, Equatable, Sendable {
    public var status: GRPCStatus

    public init(status: GRPCStatus) { self.status = status }

    init(_ code: GRPCStatusCode, _ message: String) { status = GRPCStatus(code, message) }
}

extension GRPCFrameError: CustomStringConvertible {
    public var description: String { status.description }
}

extension GRPCFrameError {
    static let invalidBase64 = GRPCFrameError(.internal, "invalid base64")
    static let trailersFrame = GRPCFrameError(.internal, "a trailer frame (0x80) where messages alone may stand")
    static let insideFrame = GRPCFrameError(.internal, "the body ends inside a frame")
    static let compressedWithoutEncoding = GRPCFrameError(
        .internal, "a message has the compressed flag and there is no grpc-encoding")
    static let corruptMessage = GRPCFrameError(.internal, "a compressed message is corrupt")
    static let noInflater = GRPCFrameError(.resourceExhausted, "zlib has no memory to decompress a message")

    static func badFlags(_ flags: UInt8) -> GRPCFrameError {
        GRPCFrameError(.internal, "a frame has the flags \(flags), which gRPC does not define")
    }

    static func messageTooLarge(_ length: Int, limit: Int) -> GRPCFrameError {
        GRPCFrameError(.resourceExhausted, "a message of \(length) bytes is larger than maxMessageBytes (\(limit))")
    }

    static func decompressedTooLarge(limit: Int) -> GRPCFrameError {
        GRPCFrameError(.resourceExhausted, "a message is larger than maxMessageBytes (\(limit)) when decompressed")
    }

    static func unknownEncoding(_ encoding: String) -> GRPCFrameError {
        GRPCFrameError(
            .internal,
            "the back-end compressed with \(encoding), which the client did not ask for and rtbridge does not know")
    }
}
