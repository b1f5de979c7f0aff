// rtbridge: tests of what a client says in one call over WebSocket.
// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import BridgeWire

/// Sources: improbable-eng's grpc-web, `client/grpc-web/src/transports/websocket/websocket.ts`.
@Suite struct GRPCWebSocketReaderTests {
    /// What came out, bodies joined.
    private struct Outcome: Equatable {
        var fields: FieldBlock?
        var body: [UInt8] = []
        var hasEnded = false
        var error: GRPCFrameError?
    }

    private static let block = Array("content-type: application/grpc-web+proto\r\nx-user: Ada, Grace\r\n".utf8)

    /// Each message is cut by itself, as the fragments of a WebSocket's message are.
    private func read(_ messages: [[UInt8]], _ cut: Cut = .whole, limit: Int = 1000) -> Outcome {
        var reader = GRPCWebSocketReader(maxHeaderBytes: limit)
        var outcome = Outcome()
        do throws(GRPCFrameError) {
            for message in messages {
                let pieces = message.isEmpty ? [[]] : cut.pieces(of: message)
                for (index, piece) in pieces.enumerated() {
                    let endsMessage = index == pieces.count - 1
                    switch try reader.read(ByteBuffer(bytes: piece), endsMessage: endsMessage) {
                    case .fields(let fields): outcome.fields = fields
                    case .body(let bytes): outcome.body += bytes.array
                    case .end: outcome.hasEnded = true
                    case nil: break
                    }
                }
            }
        } catch {
            outcome.error = error
        }
        #expect(outcome.hasEnded == reader.hasEnded || outcome.error != nil)
        return outcome
    }

    @Test(arguments: Cut.all)
    func aCallIsABlockThenFramesThenTheEnd(cut: Cut) {
        let outcome = read([Self.block, [0] + frame([1, 2, 3]), [0] + frame([]), [1]], cut)
        #expect(
            outcome.fields
                == FieldBlock(["content-type": "application/grpc-web+proto", "x-user": "Ada, Grace"]), "\(cut)")
        #expect(outcome.body == frame([1, 2, 3]) + frame([]), "\(cut)")
        #expect(outcome.hasEnded, "\(cut)")
        #expect(outcome.error == nil, "\(cut)")
    }

    @Test(arguments: Cut.all)
    func aFrameMaySpanMessagesAndAMessageMayHoldSeveral(cut: Cut) {
        let bytes = frame([UInt8](repeating: 7, count: 300)) + frame([8])
        let messages = [Self.block] + [bytes[..<3], bytes[3..<4], bytes[4...]].map { [0] + $0 }
        #expect(read(messages, cut).body == bytes, "\(cut)")
        #expect(read([Self.block, [0] + bytes], cut).body == bytes, "\(cut)")
    }

    @Test func aMarkWithNothingBehindItIsNoBody() {
        #expect(read([Self.block, [0], [0], [1]]) == Outcome(fields: read([Self.block]).fields, hasEnded: true))
    }

    @Test(arguments: Cut.all)
    func bareLineFeedsAndAnEmptyBlockAreTaken(cut: Cut) {
        #expect(read([Array("a: 1\nb:2\n".utf8)], cut).fields == FieldBlock(["a": "1", "b": "2"]), "\(cut)")
        #expect(read([[]], cut).fields == FieldBlock(), "\(cut)")
        #expect(read([Array("A-Bin: AAE=,AAI=\r\n".utf8)], cut).fields == FieldBlock(["a-bin": "AAE=,AAI="]), "\(cut)")
    }

    @Test(arguments: [
        "no colon\r\n", ": no name\r\n", ":path: /x\r\n", "two words: x\r\n", "a: \u{7F}\r\n", "a: caf\u{E9}\r\n",
        "a: \0\r\n",
    ])
    func aBlockThatIsNoneIsInternal(block: String) {
        #expect(read([Array(block.utf8)]).error?.status.code == .internal)
    }

    @Test(arguments: Cut.all)
    func aBlockAboveTheLimitIsResourceExhausted(cut: Cut) {
        let long = Array("a: \(String(repeating: "x", count: 95))\r\n".utf8)
        #expect(long.count == 100)
        #expect(read([long], cut, limit: 100).error == nil, "\(cut)")
        #expect(read([long], cut, limit: 99).error?.status.code == .resourceExhausted, "\(cut)")
    }

    @Test(arguments: Cut.all)
    func whatFollowsNoRuleIsInternal(cut: Cut) {
        for messages in [[[2]], [[0x80, 0]], [[1, 0]], [[1], [0]], [[1], [1]], [[]]] as [[[UInt8]]] {
            let outcome = read([Self.block] + messages, cut)
            #expect(outcome.error?.status.code == .internal, "\(messages), \(cut)")
            #expect(outcome.body == [], "\(messages), \(cut)")
        }
    }

    @Test func theFlagOfAStreamEndsTheRequestOnce() throws {
        var reader = GRPCWebSocketReader(maxHeaderBytes: 100)
        _ = try reader.read(ByteBuffer(), endsMessage: true)
        #expect(reader.endByFlag() == .end)
        #expect(reader.endByFlag() == nil)
        #expect(throws: GRPCFrameError.self) { try reader.read(ByteBuffer(bytes: [0]), endsMessage: true) }
    }

    /// Bytes pass as slices of what came in.
    @Test func bodiesAreNotCopied() throws {
        var reader = GRPCWebSocketReader(maxHeaderBytes: 100)
        _ = try reader.read(ByteBuffer(), endsMessage: true)
        let message = ByteBuffer(bytes: [0] + frame([1]))
        guard case .body(let body) = try reader.read(message, endsMessage: true) else {
            Issue.record("no body")
            return
        }
        let start = message.withUnsafeReadableBytes { $0.baseAddress! } + 1
        #expect(body.withUnsafeReadableBytes { $0.baseAddress } == start)
    }

    @Test func randomMessagesNeverTrapAndMeanTheSameWhereverTheyAreCut() {
        var random = SeededRandom(seed: 33)
        for round in 0..<rounds(20_000) {
            var messages: [[UInt8]] = [Bool.random(using: &random) ? Self.block : random.bytes(5)]
            for _ in 0..<Int.random(in: 0...4, using: &random) {
                let mark = UInt8.random(in: 0...4, using: &random)
                messages.append([mark > 1 ? 0 : mark] + random.bytes(Int.random(in: 0...9, using: &random)))
            }
            if Bool.random(using: &random) { messages.append([1]) }
            let whole = read(messages)
            let cut = read(messages, .random(seed: random.next()))
            // A broken message is refused at its first piece, so what came of it before may differ.
            if whole.error != cut.error || (whole.error == nil && whole != cut) {
                Issue.record("round \(round), \(messages): \(whole) is not \(cut)")
                return
            }
        }
    }
}
