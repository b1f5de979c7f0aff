// rtbridge: tests of the streams of a multiplexed WebSocket.
// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import BridgeWire

/// Sources: Deephaven's `MultiplexedWebSocketServerStream`, which describes the format.
@Suite struct GRPCWebSocketDemultiplexerTests {
    private struct Message: Equatable {
        var stream: GRPCWebSocketStreamID
        var bytes: [UInt8]
    }

    private func read(
        _ messages: [[UInt8]], _ cut: Cut = .whole
    ) throws -> [Message] {
        var demultiplexer = GRPCWebSocketDemultiplexer()
        var read: [Message] = []
        for message in messages {
            let pieces = message.isEmpty ? [[]] : cut.pieces(of: message)
            var bytes: [UInt8] = []
            var pieceCount = 0
            for (index, piece) in pieces.enumerated() {
                let endsMessage = index == pieces.count - 1
                guard
                    let piece = try demultiplexer.read(ByteBuffer(bytes: piece), endsMessage: endsMessage)
                else { continue }
                #expect(piece.beginsMessage == (pieceCount == 0), "\(cut)")
                #expect(piece.endsMessage == endsMessage, "\(cut)")
                pieceCount += 1
                bytes += piece.bytes.array
                if endsMessage { read.append(Message(stream: piece.stream, bytes: bytes)) }
            }
        }
        return read
    }

    @Test(arguments: Cut.all)
    func messagesAreTakenApart(cut: Cut) throws {
        let messages = try read(
            [[0, 0, 0, 7, 9, 8], [0x80, 0, 0, 7, 1], [0x7F, 0xFF, 0xFF, 0xFF], [0, 0, 1, 0, 5]], cut)
        #expect(
            messages == [
                Message(stream: GRPCWebSocketStreamID(number: 7), bytes: [9, 8]),
                Message(stream: GRPCWebSocketStreamID(number: 7, isFinal: true), bytes: [1]),
                Message(stream: .goAway, bytes: []),
                Message(stream: GRPCWebSocketStreamID(number: 256), bytes: [5]),
            ], "\(cut)")
    }

    @Test(arguments: Cut.all, [0, 1, 2, 3])
    func aMessageShorterThanItsNumberIsAProtocolError(cut: Cut, count: Int) {
        #expect(throws: GRPCWebSocketDemultiplexer.shortMessage) {
            try read([[0, 0, 0, 1, 0], [UInt8](repeating: 0, count: count)], cut)
        }
    }

    @Test(arguments: [0, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x1234_5678] as [UInt32])
    func numbersComeBackAsTheyWent(wire: UInt32) {
        let stream = GRPCWebSocketStreamID(wire: wire)
        #expect(stream.wire == wire)
        #expect(stream.number <= 0x7FFF_FFFF)
        #expect(stream.isFinal == (wire >> 31 == 1))
    }

    @Test func subprotocolsAreKnownInAnyCase() {
        #expect(GRPCWebSocketSubprotocol(offered: "gRPC-WebSockets") == .single)
        #expect(GRPCWebSocketSubprotocol(offered: "GRPC-WEBSOCKETS-MULTIPLEX") == .multiplex)
        #expect(GRPCWebSocketSubprotocol(offered: "grpc-websocket") == nil)
    }

    @Test func randomMessagesNeverTrapAndMeanTheSameWhereverTheyAreCut() throws {
        var random = SeededRandom(seed: 37)
        for _ in 0..<rounds(5_000) {
            let messages = (0..<Int.random(in: 0...5, using: &random)).map { _ in
                random.bytes(Int.random(in: 4...40, using: &random))
            }
            let whole = try read(messages)
            #expect(whole == (try read(messages, .random(seed: random.next()))))
            #expect(whole.map(\.stream.wire) == messages.map { $0[..<4].reduce(0) { $0 << 8 | UInt32($1) } })
        }
    }
}
