// rtbridge: the boundaries of gRPC messages in a byte stream.
// SPDX-License-Identifier: Apache-2.0

/// Follows the frames of a body without copying a byte: where they begin and end, their flags and their length.
public struct GRPCFrameScanner: Sendable {
    /// What has been seen of the prefix of the frame under way, and how many of its bytes.
    private var prefix: UInt64 = 0
    private var prefixCount = 0
    /// Bytes of the message that have not come yet.
    private var remaining = 0
    private let maxMessageBytes: Int
    /// What to throw at a compressed message; `nil` where it may pass.
    private let refusal: GRPCFrameError?

    /// The frames whose prefix was whole.
    public private(set) var frameCount = 0

    public init(maxMessageBytes: Int) { self.init(maxMessageBytes: maxMessageBytes, refusingCompressed: nil) }

    init(maxMessageBytes: Int, refusingCompressed refusal: GRPCFrameError?) {
        self.maxMessageBytes = maxMessageBytes
        self.refusal = refusal
    }

    /// Whether the body may end here.
    public var isAtBoundary: Bool { prefixCount == 0 && remaining == 0 }

    /// Goes over the next bytes of the body.
    ///
    /// - Throws: ``GRPCFrameError`` at the prefix of a frame whose flags are not 0 or 1 or whose length is above the limit.
    public mutating func scan(_ bytes: UnsafeRawBufferPointer) throws(GRPCFrameError) {
        var index = 0
        while index < bytes.count {
            if remaining > 0 {
                let count = min(remaining, bytes.count - index)
                remaining -= count
                index += count
                continue
            }
            if prefixCount == 0, bytes.count - index >= GRPCFrame.prefixLength {
                try checkFlags(bytes[index])
                prefix = UInt64(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: index + 1, as: UInt32.self)))
                try beginMessage()
                index += GRPCFrame.prefixLength
                continue
            }
            prefix = prefix << 8 | UInt64(bytes[index])
            prefixCount += 1
            index += 1
            if prefixCount == 1 { try checkFlags(bytes[index - 1]) }
            if prefixCount == GRPCFrame.prefixLength { try beginMessage() }
        }
    }

    private func checkFlags(_ flags: UInt8) throws(GRPCFrameError) {
        switch flags {
        case 0: return
        case GRPCFrame.compressedFlag: if let refusal { throw refusal }
        case GRPCFrame.trailersFlag, GRPCFrame.trailersFlag | GRPCFrame.compressedFlag: throw .trailersFrame
        default: throw .badFlags(flags)
        }
    }

    private mutating func beginMessage() throws(GRPCFrameError) {
        let length = Int(prefix & 0xFFFF_FFFF)
        guard length <= maxMessageBytes else { throw .messageTooLarge(length, limit: maxMessageBytes) }
        remaining = length
        frameCount += 1
        prefix = 0
        prefixCount = 0
    }
}
