// rtbridge: the prefix of gRPC messages.
// SPDX-License-Identifier: Apache-2.0

/// A frame's prefix: `Compressed-Flag Message-Length` (gRPC doc/PROTOCOL-HTTP2.md, "Length-Prefixed-Message").
public enum GRPCFrame {
    /// One byte of flags and four of length, big-endian.
    public static let prefixLength = 5
    /// The message is compressed as `grpc-encoding` says.
    public static let compressedFlag: UInt8 = 0x01
    /// gRPC-Web: the frame holds trailers (gRPC PROTOCOL-WEB.md, "Message framing").
    public static let trailersFlag: UInt8 = 0x80
}
