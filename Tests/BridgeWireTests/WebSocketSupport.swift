// rtbridge: WebSocket frames for tests, made without the encoder under test.
// SPDX-License-Identifier: Apache-2.0
import NIOCore

@testable import BridgeWire

/// A frame as a peer may write it, rightly or wrongly (RFC 6455 §5.2).
struct RawFrame {
    /// FIN, RSV1–3, opcode.
    var first: UInt8
    var payload: [UInt8] = []
    var mask: [UInt8]? = [0x37, 0xFA, 0x21, 0x3D]
    /// Bytes of length after the second byte; `nil` is the fewest.
    var lengthBytes: Int?

    init(_ first: UInt8, _ payload: [UInt8] = [], mask: [UInt8]? = [0x37, 0xFA, 0x21, 0x3D], lengthBytes: Int? = nil) {
        self.first = first
        self.payload = payload
        self.mask = mask
        self.lengthBytes = lengthBytes
    }

    init(_ first: UInt8, _ text: String, mask: [UInt8]? = [0x37, 0xFA, 0x21, 0x3D]) {
        self.init(first, Array(text.utf8), mask: mask)
    }

    var bytes: [UInt8] {
        let count = payload.count
        let lengthBytes = lengthBytes ?? (count <= 125 ? 0 : count <= 65535 ? 2 : 8)
        let short = lengthBytes == 0 ? UInt8(count) : lengthBytes == 2 ? 126 : 127
        var bytes = [first, short | (mask == nil ? 0 : 0x80)]
        bytes += (0..<lengthBytes).reversed().map { UInt8(truncatingIfNeeded: count >> (8 * $0)) }
        guard let mask else { return bytes + payload }
        return bytes + mask + payload.enumerated().map { $1 ^ mask[$0 % 4] }
    }
}

/// What a decoder said, data pieces joined to messages.
struct Conversation: Equatable {
    enum Item: Equatable {
        case text([UInt8])
        case binary([UInt8])
        case ping([UInt8])
        case pong([UInt8])
        case close(UInt16?, String)
    }

    var items: [Item] = []
    var violation: WebSocketViolation?
    /// What came of a message that did not end.
    var unfinished: [UInt8]?
    /// How the data came, piece by piece.
    var pieceSizes: [Int] = []

    var closeCode: UInt16? { violation?.closeCode.rawValue }

    mutating func take(_ event: WebSocketEvent) {
        switch event {
        case .data(let piece, let kind, let endsMessage):
            pieceSizes.append(piece.readableBytes)
            let bytes = (unfinished ?? []) + piece.array
            unfinished = endsMessage ? nil : bytes
            if endsMessage { items.append(kind == .text ? .text(bytes) : .binary(bytes)) }
        case .ping(let payload): items.append(.ping(payload.array))
        case .pong(let payload): items.append(.pong(payload.array))
        case .close(let code, let reason): items.append(.close(code?.rawValue, reason))
        }
    }

    /// Feeds a decoder until it refuses.
    static func feed(
        _ pieces: [[UInt8]], role: WebSocketRole = .server, maxMessageBytes: Int = 1 << 20
    ) -> Conversation {
        var decoder = WebSocketDecoder(role: role, maxMessageBytes: maxMessageBytes)
        var conversation = Conversation()
        do throws(WebSocketViolation) {
            for piece in pieces {
                decoder.append(ByteBuffer(bytes: piece))
                while let event = try decoder.next() { conversation.take(event) }
            }
        } catch {
            conversation.violation = error
        }
        return conversation
    }

    static func feed(_ frames: RawFrame..., role: WebSocketRole = .server, cut: Cut = .whole) -> Conversation {
        feed(cut.pieces(of: frames.flatMap(\.bytes)), role: role)
    }
}
