// rtbridge: the demo's gRPC server: its codecs and rules.
// SPDX-License-Identifier: Apache-2.0

import NIOCore
import Testing

@testable import BridgeDemo

@Suite struct MessageReaderTests {
    /// gRPC PROTOCOL-HTTP2.md, "Length-Prefixed-Message": three messages, the second of them empty.
    static let body: [UInt8] = [0, 0, 0, 0, 3, 0x0A, 1, 0x61, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0x0A, 0]
    static let messages: [[UInt8]] = [[0x0A, 1, 0x61], [], [0x0A, 0]]

    func read(_ chunks: [[UInt8]]) throws -> [[UInt8]] {
        var reader = MessageReader()
        var messages: [[UInt8]] = []
        for chunk in chunks {
            reader.append(ByteBuffer(bytes: chunk))
            while let message = try reader.next() { messages.append(Array(message.readableBytesView)) }
        }
        #expect(reader.isAtBoundary)
        return messages
    }

    @Test func messagesAreTheSameWholeAndByteByByte() throws {
        #expect(try read([Self.body]) == Self.messages)
        #expect(try read(Self.body.map { [$0] }) == Self.messages)
    }

    @Test(arguments: 0..<50 as Range<UInt64>) func messagesAreTheSameAtRandomCuts(seed: UInt64) throws {
        var random = SplitMix64(state: seed)
        var chunks: [[UInt8]] = []
        var start = 0
        while start < Self.body.count {
            let count = Int.random(in: 1...(Self.body.count - start), using: &random)
            chunks.append(Array(Self.body[start..<(start + count)]))
            start += count
        }
        #expect(try read(chunks) == Self.messages, "seed \(seed)")
    }

    @Test func aLongOrCompressedMessageIsRefusedAtItsPrefix() {
        #expect(throws: MessageReader.Problem.tooLong(65537)) { try read([[0, 0, 1, 0, 1]]) }
        #expect(throws: MessageReader.Problem.tooLong(.max)) { try read([[0, 255, 255, 255, 255]]) }
        #expect(throws: MessageReader.Problem.compressed) { try read([[1, 0, 0, 0, 1]]) }
    }

    @Test func aMessageThatHasBegunIsNoBoundary() throws {
        var reader = MessageReader()
        reader.append(ByteBuffer(bytes: [0, 0, 0]))
        #expect(try reader.next() == nil)
        #expect(!reader.isAtBoundary)
    }
}

@Suite struct HelloMessageTests {
    @Test(
        arguments: [
            ([], ""), ([0x0A, 3, 0x41, 0x64, 0x61], "Ada"), ([0x0A, 1, 0x61, 0x0A, 1, 0x62], "b"),
            // Unknown fields of every wire type before and after.
            ([0x10, 0xFF, 1, 0x19, 1, 2, 3, 4, 5, 6, 7, 8, 0x0A, 1, 0x61, 0x22, 1, 0, 0x2D, 1, 2, 3, 4], "a"),
        ] as [([UInt8], String)]) func theNameIsFound(bytes: [UInt8], name: String)
    {
        #expect(HelloMessage.decodeName(ByteBuffer(bytes: bytes)) == name)
    }

    @Test(
        arguments: [
            [0x0A], [0x0A, 2, 0x61], [0x0A, 1, 0xFF], [0x00, 1], [0x0B], [0x0F], [0x10], [0x1D, 1, 2], [0x19, 1],
            [0x0A, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01],
            [0x22, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
            [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
        ] as [[UInt8]]) func whatIsNotProtobufIsRefused(bytes: [UInt8])
    {
        #expect(HelloMessage.decodeName(ByteBuffer(bytes: bytes)) == nil)
    }

    @Test(arguments: 0..<2000 as Range<UInt64>) func noBytesBringItDown(seed: UInt64) {
        var random = SplitMix64(state: seed)
        let bytes = (0..<Int.random(in: 0...24, using: &random)).map { _ in UInt8.random(in: 0...255, using: &random) }
        _ = HelloMessage.decodeName(ByteBuffer(bytes: bytes))
    }

    @Test func aReplyIsFramedAndReadsBack() throws {
        #expect(HelloMessage.frame("Hi") == ByteBuffer(bytes: [0, 0, 0, 0, 4, 0x0A, 2, 0x48, 0x69]))
        #expect(HelloMessage.frame("") == ByteBuffer(bytes: [0, 0, 0, 0, 0]))
        let long = String(repeating: "ö", count: 20_000)
        var reader = MessageReader()
        reader.append(HelloMessage.frame(long))
        #expect(HelloMessage.decodeName(try #require(try reader.next())) == long)
    }
}

@Suite struct GreeterStateTests {
    func run(_ method: GreeterMethod, _ names: [String]) -> [GreeterState.Action] {
        var state = GreeterState(method: method)
        return names.map { state.requestArrived($0) } + [state.requestsEnded()]
    }

    @Test func eachKindOfCallAnswersInItsWay() {
        #expect(run(.unary, ["A"]) == [.wait, .replyAndFinish("Hello, A!")])
        #expect(run(.serverStream, ["A"]) == [.wait, .replyRepeatedly(name: "A")])
        #expect(run(.bidiStream, ["A", "B"]) == [.reply("Hello, A!"), .reply("Hello, B!"), .finish])
        #expect(run(.clientStream, []) == [.replyAndFinish("Hello!")])
        #expect(run(.clientStream, ["A"]).last == .replyAndFinish("Hello, A!"))
        #expect(run(.clientStream, ["A", "B"]).last == .replyAndFinish("Hello, A and B!"))
        #expect(run(.clientStream, ["A", "B", "C"]).last == .replyAndFinish("Hello, A, B and C!"))
    }

    /// gRPC statuscodes.md: UNIMPLEMENTED for a request cardinality violation.
    @Test(arguments: [GreeterMethod.unary, .serverStream]) func oneRequestIsOne(method: GreeterMethod) {
        #expect(run(method, []) == [.fail(GreeterStatus(.unimplemented, "no request"))])
        #expect(run(method, ["A", "B"])[1] == .fail(GreeterStatus(.unimplemented, "more than one request")))
    }

    @Test func theNamesOfAClientStreamAreBounded() {
        var state = GreeterState(method: .clientStream)
        #expect(state.requestArrived(String(repeating: "n", count: GreeterState.maximumNames - 2)) == .wait)
        guard case .fail(let status) = state.requestArrived("") else {
            Issue.record("an endless list of names is taken")
            return
        }
        #expect(status.code == .resourceExhausted)
    }

    @Test func tenRepliesAreGivenAndNoneAfterTheEnd() {
        var state = GreeterState(method: .serverStream)
        let replies = (0..<12).compactMap { _ in state.nextReply(to: "A") }
        #expect(replies.count == 10)
        #expect(replies.first == "Hello, A! (1 of 10)" && replies.last == "Hello, A! (10 of 10)")
        var cancelled = GreeterState(method: .serverStream)
        _ = cancelled.nextReply(to: "A")
        cancelled.close()
        #expect(cancelled.nextReply(to: "A") == nil)
        #expect(cancelled.requestArrived("A") == .wait && cancelled.requestsEnded() == .wait)
    }

    @Test func aMessageIsPercentEncoded() {
        let status = GreeterStatus(.unimplemented, "100 % ö\n")
        #expect(status.fields.string("grpc-message") == "100 %25 %C3%B6%0A")
        #expect(status.fields.string("grpc-status") == "12")
    }
}
