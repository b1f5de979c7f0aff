// rtbridge: WebSocket frames out.
// SPDX-License-Identifier: Apache-2.0
import NIOCore

/// Writes frames (RFC 6455 §5.2). A masking key is given where this side is the client; its most significant byte is
/// the key's first.
public enum WebSocketEncoder {
    /// 2 bytes, 8 of length, 4 of masking key.
    public static let maximumHeaderLength = 14

    /// The length of a frame's header: 2...14 bytes.
    @inlinable
    public static func headerLength(payloadLength: Int, masked: Bool) -> Int {
        let masking = masked ? 4 : 0
        if payloadLength <= 125 { return 2 + masking }
        return (payloadLength <= Int(UInt16.max) ? 4 : 10) + masking
    }

    /// Appends a header; its payload, already masked where `maskKey` is given, is to follow.
    ///
    /// - Parameter isMarked: RSV1, the first frame of a compressed message (RFC 7692 §6).
    public static func writeHeader(
        opcode: WebSocketOpcode, fin: Bool = true, isMarked: Bool = false, payloadLength: Int, maskKey: UInt32? = nil,
        into buffer: inout ByteBuffer
    ) {
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: maximumHeaderLength) { bytes in
            guard let base = bytes.baseAddress else { return 0 }
            let length = storeHeader(
                opcode: opcode, fin: fin, payloadLength: payloadLength, maskKey: maskKey, at: base)
            if isMarked { base.storeBytes(of: base.load(as: UInt8.self) | 0x40, as: UInt8.self) }
            return length
        }
    }

    /// Appends a whole frame. The payload is copied.
    public static func writeFrame(
        opcode: WebSocketOpcode, fin: Bool = true, isMarked: Bool = false, payload: ByteBuffer, maskKey: UInt32? = nil,
        into buffer: inout ByteBuffer
    ) {
        let count = payload.readableBytes
        buffer.reserveCapacity(minimumWritableBytes: maximumHeaderLength + count)
        writeHeader(
            opcode: opcode, fin: fin, isMarked: isMarked, payloadLength: count, maskKey: maskKey, into: &buffer)
        payload.withUnsafeReadableBytes { source in
            _ = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { target in
                guard let from = source.baseAddress, let to = target.baseAddress else { return 0 }
                if let maskKey {
                    _ = WebSocketMask.apply(maskKey.bigEndian, from: from, to: to, count: count)
                } else {
                    to.copyMemory(from: from, byteCount: count)
                }
                return count
            }
        }
    }

    /// Makes a payload a frame where it lies: the header goes into the free room before its first byte.
    ///
    /// - Returns: `false`, the buffer left as it was, if others hold its storage or the room is too small: then write the
    ///   header by itself, or use ``writeFrame(opcode:fin:payload:maskKey:into:)``.
    public static func frameInPlace(
        _ payload: inout ByteBuffer, opcode: WebSocketOpcode, fin: Bool = true, maskKey: UInt32? = nil
    ) -> Bool {
        let count = payload.readableBytes
        let start = payload.readerIndex - headerLength(payloadLength: count, masked: maskKey != nil)
        guard start >= 0 else { return false }
        let done: Void? = payload.modifyIfUniquelyOwned { payload in
            if let maskKey {
                payload.withUnsafeMutableReadableBytes { bytes in
                    guard let base = bytes.baseAddress else { return }
                    _ = WebSocketMask.apply(maskKey.bigEndian, from: base, to: base, count: count)
                }
            }
            payload.moveReaderIndex(to: start)
            payload.withUnsafeMutableReadableBytes { bytes in
                guard let base = bytes.baseAddress else { return }
                _ = storeHeader(opcode: opcode, fin: fin, payloadLength: count, maskKey: maskKey, at: base)
            }
        }
        return done != nil
    }

    /// The payload of a whole frame of this encoder, unmasked again.
    public static func payload(of frame: ByteBuffer) -> ByteBuffer {
        var payload = frame
        let header = payload.withUnsafeReadableBytes { bytes in bytes.baseAddress.map { WebSocketFrameHeader($0) } }
        guard let header else { return ByteBuffer() }
        payload.moveReaderIndex(forwardBy: WebSocketFrameHeader.length(second: header.second))
        let count = payload.readableBytes
        var clear = ByteBuffer()
        clear.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { target in
            payload.withUnsafeReadableBytes { source in
                guard let from = source.baseAddress, let to = target.baseAddress else { return }
                _ = WebSocketMask.apply(header.maskKey, from: from, to: to, count: count)
            }
            return count
        }
        return clear
    }

    /// RFC 6455 §5.5: at most 125 bytes in all, two of which are the code.
    static let maximumCloseReason = WebSocketFrameHeader.maximumControlPayload - 2

    /// Appends a close frame. The reason is cut to 123 bytes of UTF-8 between two characters.
    ///
    /// - Parameter code: `nil` makes an empty frame, and so does a code that is not for the wire
    ///   (``WebSocketCloseCode/isAllowedOnTheWire``), as 1005 that stands for a close frame without a code.
    public static func writeClose(
        code: WebSocketCloseCode?, reason: String = "", maskKey: UInt32? = nil, into buffer: inout ByteBuffer
    ) {
        var payload = ByteBuffer()
        if let code, code.isAllowedOnTheWire {
            let bytes = reason.utf8
            var count = min(bytes.count, maximumCloseReason)
            while count < bytes.count, count > 0, bytes[bytes.index(bytes.startIndex, offsetBy: count)] & 0xC0 == 0x80 {
                count -= 1
            }
            payload.writeInteger(code.rawValue)
            payload.writeBytes(bytes.prefix(count))
        }
        writeFrame(opcode: .close, payload: payload, maskKey: maskKey, into: &buffer)
    }

    /// - Parameter base: room for at least ``headerLength(payloadLength:masked:)`` bytes.
    private static func storeHeader(
        opcode: WebSocketOpcode, fin: Bool, payloadLength: Int, maskKey: UInt32?, at base: UnsafeMutableRawPointer
    ) -> Int {
        precondition(
            !opcode.isControl || (fin && payloadLength <= WebSocketFrameHeader.maximumControlPayload),
            "a control frame is whole and has at most 125 bytes, not \(payloadLength) (RFC 6455 §5.5)")
        let masked: UInt8 = maskKey == nil ? 0 : 0x80
        base.storeBytes(of: opcode.rawValue | (fin ? 0x80 : 0), as: UInt8.self)
        var length = 2
        if payloadLength <= 125 {
            base.storeBytes(of: UInt8(payloadLength) | masked, toByteOffset: 1, as: UInt8.self)
        } else if let short = UInt16(exactly: payloadLength) {
            base.storeBytes(of: WebSocketFrameHeader.length16 | masked, toByteOffset: 1, as: UInt8.self)
            base.storeBytes(of: short.bigEndian, toByteOffset: 2, as: UInt16.self)
            length = 4
        } else {
            base.storeBytes(of: WebSocketFrameHeader.length64 | masked, toByteOffset: 1, as: UInt8.self)
            base.storeBytes(of: UInt64(payloadLength).bigEndian, toByteOffset: 2, as: UInt64.self)
            length = 10
        }
        if let maskKey {
            base.storeBytes(of: maskKey.bigEndian, toByteOffset: length, as: UInt32.self)
            length += 4
        }
        return length
    }
}
