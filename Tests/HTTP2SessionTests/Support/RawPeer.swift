// rtbridge: a peer that writes its frames by hand.
// SPDX-License-Identifier: Apache-2.0

import HTTP2Session
import NIOCore

/// Frames of RFC 9113 §4.1, valid or not.
enum RawFrame {
    /// RFC 9113 §6.
    enum Kind: UInt8 {
        case data = 0, headers, priority, rstStream, settings, pushPromise, ping, goaway, windowUpdate, continuation
    }

    static let endStream: UInt8 = 0x1
    static let acknowledgement: UInt8 = 0x1
    static let endHeaders: UInt8 = 0x4
    /// RFC 9113 §3.4.
    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    static func make(_ kind: Kind, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: [UInt8] = []) -> [UInt8] {
        let length = UInt32(payload.count)
        return [UInt8(length >> 16 & 0xFF), UInt8(length >> 8 & 0xFF), UInt8(length & 0xFF), kind.rawValue, flags]
            + bigEndian(stream) + payload
    }

    static func bigEndian(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.bigEndian, Array.init) }

    static func settings(_ values: [(UInt16, UInt32)] = []) -> [UInt8] {
        make(
            .settings, values.flatMap { id, value in withUnsafeBytes(of: id.bigEndian, Array.init) + bigEndian(value) })
    }

    /// HPACK literals without indexing (RFC 7541 §6.2.2), without Huffman coding.
    static func block(_ fields: [(String, String)]) -> [UInt8] {
        fields.flatMap { name, value in [0x00] + text(name) + text(value) }
    }

    private static func text(_ text: String) -> [UInt8] {
        let bytes = Array(text.utf8)
        guard bytes.count >= 127 else { return [UInt8(bytes.count)] + bytes }
        var length: [UInt8] = [127]
        var rest = bytes.count - 127
        while rest >= 128 {
            length.append(UInt8(rest & 0x7F) | 0x80)
            rest >>= 7
        }
        return length + [UInt8(rest)] + bytes
    }

    /// All whole frames; the preface of RFC 9113 §3.4 is none.
    static func parse(_ bytes: ByteBuffer) -> [RawPeer.Frame] {
        var bytes = bytes
        var frames: [RawPeer.Frame] = []
        while let high = bytes.readInteger(as: UInt8.self), let low = bytes.readInteger(as: UInt16.self),
            let kind = bytes.readInteger(as: UInt8.self), let flags = bytes.readInteger(as: UInt8.self),
            let stream = bytes.readInteger(as: UInt32.self),
            let payload = bytes.readBytes(length: Int(high) << 16 | Int(low))
        {
            frames.append(RawPeer.Frame(kind: kind, flags: flags, stream: stream & 0x7FFF_FFFF, payload: payload))
        }
        return frames
    }

    static let request: [(String, String)] = [
        (":method", "POST"), (":scheme", "http"), (":path", "/call"), (":authority", "test"),
    ]

    static func request(_ stream: UInt32, endStream: Bool = false) -> [UInt8] {
        make(.headers, flags: endHeaders | (endStream ? self.endStream : 0), stream: stream, block(request))
    }
}

/// A session in the front role whose peer is the test.
final class RawPeer {
    struct Frame: Equatable {
        var kind: UInt8
        var flags: UInt8
        var stream: UInt32
        var payload: [UInt8]
    }

    let session: HTTP2Session
    let side = SessionRecorder()

    /// - Parameter greets: whether preface and SETTINGS go out at once.
    init(role: HTTP2Role = .front, options: HTTP2Options = .init(), greets: Bool = true) throws {
        session = HTTP2Session(role: role, options: options)
        session.delegate = side
        guard greets else { return }
        try send((role == .front ? RawFrame.preface : []) + RawFrame.settings())
    }

    deinit { session.connectionLost(.cancel) }

    func send(_ bytes: [UInt8]) throws { try session.receive(ByteBuffer(bytes: bytes)) }

    /// What the session says, frame by frame; the back role's preface is left out.
    func frames() throws -> [Frame] {
        var bytes = session.produceAll()
        if bytes.readableBytesView.starts(with: RawFrame.preface) {
            bytes.moveReaderIndex(forwardBy: RawFrame.preface.count)
        }
        return RawFrame.parse(bytes)
    }

    func frames(_ kind: RawFrame.Kind) throws -> [Frame] { try frames().filter { $0.kind == kind.rawValue } }
}
