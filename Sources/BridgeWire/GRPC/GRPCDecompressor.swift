// rtbridge: compressed gRPC messages for a client that cannot read them.
// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// Rewrites the frames of a body so that none is compressed: plain ones pass as they arrive, compressed ones are collected
/// up to the limit, decompressed and framed anew with flag 0.
struct GRPCDecompressor {
    private enum Phase {
        /// In a frame's prefix, which is held until it is whole.
        case prefix
        /// In a message that passes; its prefix went out.
        case plain(remaining: Int)
        /// In a message that is collected.
        case compressed(remaining: Int)
    }

    private let format: Inflater.Format
    private let maxMessageBytes: Int
    private var inflater: Inflater?
    private var phase = Phase.prefix
    /// The bytes of a prefix or of a compressed message that have come so far.
    private var held = ByteBuffer()

    init(_ format: Inflater.Format, maxMessageBytes: Int) {
        self.format = format
        // A length has 32 bits.
        self.maxMessageBytes = min(max(0, maxMessageBytes), Int(UInt32.max))
    }

    /// Whether the body of the back-end may end here.
    var isAtBoundary: Bool {
        switch phase {
        case .prefix: held.readableBytes == 0
        case .plain, .compressed: false
        }
    }

    /// Whether what went out ends inside a frame.
    var isOutputInsideFrame: Bool {
        switch phase {
        case .plain: true
        case .prefix, .compressed: false
        }
    }

    mutating func transform(_ input: ByteBuffer) throws(GRPCFrameError) -> ByteBuffer {
        var input = input
        var output = ByteBuffer()
        while input.readableBytes > 0 {
            switch phase {
            case .prefix:
                guard collect(GRPCFrame.prefixLength - held.readableBytes, from: &input) == 0 else { break }
                try beginMessage(&output)
            case .plain(let remaining):
                var piece = input.readSlice(length: min(remaining, input.readableBytes)) ?? ByteBuffer()
                let left = remaining - piece.readableBytes
                output.writeBuffer(&piece)
                phase = left == 0 ? .prefix : .plain(remaining: left)
            case .compressed(let remaining):
                let left = collect(remaining, from: &input)
                phase = .compressed(remaining: left)
                if left == 0 { try endCompressed(&output) }
            }
        }
        return output
    }

    /// Moves up to `count` bytes to the held ones.
    /// - Returns: how many of them are still to come.
    private mutating func collect(_ count: Int, from input: inout ByteBuffer) -> Int {
        var piece = input.readSlice(length: min(count, input.readableBytes)) ?? ByteBuffer()
        return count - held.writeBuffer(&piece)
    }

    private mutating func beginMessage(_ output: inout ByteBuffer) throws(GRPCFrameError) {
        guard let flags = held.readInteger(as: UInt8.self), let length = held.readInteger(as: UInt32.self) else {
            return
        }
        held.clear()
        guard Int(length) <= maxMessageBytes else { throw .messageTooLarge(Int(length), limit: maxMessageBytes) }
        switch flags {
        case GRPCFrame.compressedFlag where length > 0:
            phase = .compressed(remaining: Int(length))
        case 0, GRPCFrame.compressedFlag:
            output.writeInteger(UInt8(0))
            output.writeInteger(length)
            phase = length == 0 ? .prefix : .plain(remaining: Int(length))
        case GRPCFrame.trailersFlag: throw .trailersFrame
        default: throw .badFlags(flags)
        }
    }

    private mutating func endCompressed(_ output: inout ByteBuffer) throws(GRPCFrameError) {
        let message = held
        held = ByteBuffer()
        phase = .prefix
        let inflater: Inflater
        if let made = self.inflater { inflater = made } else { inflater = try Inflater(format) }
        self.inflater = inflater
        let start = output.writerIndex
        output.writeInteger(UInt8(0))
        output.writeInteger(UInt32(0))
        try inflater.inflate(message, limit: maxMessageBytes, into: &output)
        let length = output.writerIndex - start - GRPCFrame.prefixLength
        output.setInteger(UInt32(clamping: length), at: start + 1)
    }
}
