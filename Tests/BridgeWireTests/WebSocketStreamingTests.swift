// rtbridge: tests of how the WebSocket decoder delivers, and what it costs.
// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import BridgeWire

@Suite struct WebSocketStreamingTests {
    /// Where a buffer's first readable byte lies.
    private func address(_ buffer: ByteBuffer) -> UnsafeRawPointer? {
        buffer.withUnsafeReadableBytes { $0.baseAddress }
    }

    private func piece(_ event: WebSocketEvent?) -> ByteBuffer? {
        guard case .data(let piece, _, _)? = event else { return nil }
        return piece
    }

    @Test func whatHasComeOfAFrameIsDeliveredAtOnce() throws {
        var decoder = WebSocketDecoder(role: .server, maxMessageBytes: 1000)
        let bytes = RawFrame(0x82, Array(0..<100)).bytes
        decoder.append(ByteBuffer(bytes: bytes[..<46]))
        #expect(try decoder.next() == .data(ByteBuffer(bytes: Array(0..<40)), kind: .binary, endsMessage: false))
        #expect(try decoder.next() == nil)
        #expect(decoder.isInsideMessage)
        decoder.append(ByteBuffer(bytes: bytes[46...]))
        #expect(try decoder.next() == .data(ByteBuffer(bytes: Array(40..<100)), kind: .binary, endsMessage: true))
        #expect(try decoder.next() == nil)
        #expect(!decoder.isInsideMessage)
    }

    @Test func emptyMessagesAndFragmentsAreDelivered() throws {
        var decoder = WebSocketDecoder(role: .server, maxMessageBytes: 0)
        decoder.append(
            ByteBuffer(bytes: RawFrame(0x81).bytes + RawFrame(0x02).bytes + RawFrame(0x00).bytes + RawFrame(0x80).bytes)
        )
        #expect(try decoder.next() == .data(ByteBuffer(), kind: .text, endsMessage: true))
        #expect(try decoder.next() == .data(ByteBuffer(), kind: .binary, endsMessage: false))
        #expect(try decoder.next() == .data(ByteBuffer(), kind: .binary, endsMessage: false))
        #expect(try decoder.next() == .data(ByteBuffer(), kind: .binary, endsMessage: true))
        #expect(try decoder.next() == nil)
    }

    @Test func aHeaderByItselfDeliversNothing() throws {
        var decoder = WebSocketDecoder(role: .server, maxMessageBytes: 1000)
        for byte in RawFrame(0x82, [1, 2]).bytes.prefix(6) {
            decoder.append(ByteBuffer(bytes: [byte]))
            #expect(try decoder.next() == nil)
        }
    }

    @Test func aBufferThatNobodyElseHoldsIsUnmaskedWhereItLies() throws {
        var decoder = WebSocketDecoder(role: .server, maxMessageBytes: 1000)
        let frames = RawFrame(0x82, Array(0..<50)).bytes + RawFrame(0x82, Array(50..<90)).bytes
        var buffer: ByteBuffer? = ByteBuffer(bytes: frames)
        let start = try #require(buffer.flatMap(address))
        decoder.append(buffer.take()!)
        // Both are held: unmasking the second must not copy because of the first.
        let first = try #require(piece(try decoder.next()))
        let second = try #require(piece(try decoder.next()))
        #expect(address(first) == start + 6)
        #expect(address(second) == start + 62)
        #expect(first.array + second.array == Array(0..<90))
    }

    @Test func aBufferThatOthersHoldIsLeftAsItIs() throws {
        var decoder = WebSocketDecoder(role: .server, maxMessageBytes: 1000)
        let bytes = RawFrame(0x82, Array(0..<50)).bytes
        let held = ByteBuffer(bytes: bytes)
        decoder.append(held)
        #expect(piece(try decoder.next())?.array == Array(0..<50))
        #expect(held.array == bytes)
    }

    @Test func aCopyOfADecoderGoesItsOwnWay() throws {
        var decoder = WebSocketDecoder(role: .server, maxMessageBytes: 1000)
        decoder.append(ByteBuffer(bytes: RawFrame(0x82, [1, 2, 3]).bytes + RawFrame(0x82, [4, 5, 6]).bytes))
        var copy = decoder
        let original = [try decoder.next(), try decoder.next()].map { piece($0)?.array }
        #expect(original == [[1, 2, 3], [4, 5, 6]])
        #expect([try copy.next(), try copy.next()].map { piece($0)?.array } == original)
    }

    @Test func theLastSliceOfABufferIsItsOnlyOwner() throws {
        var decoder = WebSocketDecoder(role: .client, maxMessageBytes: 1000)
        decoder.append(ByteBuffer(bytes: RawFrame(0x82, [1, 2, 3], mask: nil).bytes))
        var last = try #require(piece(try decoder.next()))
        #expect(last.modifyIfUniquelyOwned { _ in } != nil)
    }

    @Test func buffersThatWereNotTakenYetAreKept() throws {
        var decoder = WebSocketDecoder(role: .server, maxMessageBytes: 1000)
        for byte in RawFrame(0x82, Array(0..<20)).bytes + RawFrame(0x89, [7]).bytes {
            decoder.append(ByteBuffer(bytes: [byte]))
        }
        #expect(piece(try decoder.next())?.array == Array(0..<20))
        #expect(try decoder.next() == .ping(ByteBuffer(bytes: [7])))
    }

    @Test func emptyBuffersChangeNothing() throws {
        var decoder = WebSocketDecoder(role: .server, maxMessageBytes: 1000)
        for byte in RawFrame(0x89, [7]).bytes {
            decoder.append(ByteBuffer())
            decoder.append(ByteBuffer(bytes: [byte]))
        }
        #expect(try decoder.next() == .ping(ByteBuffer(bytes: [7])))
    }

    @Test(arguments: 0...40)
    func everyLengthIsUnmaskedWhereverItIsCut(length: Int) {
        // RFC 6455 §5.3, whatever the length's rest by 8 and by 4.
        let payload = (0..<length).map { UInt8($0 &* 37 & 0xFF) }
        let bytes = RawFrame(0x82, payload, mask: [0x01, 0x80, 0xFF, 0x5A]).bytes
        for cut in 0...bytes.count {
            let conversation = Conversation.feed([Array(bytes[..<cut]), Array(bytes[cut...])])
            #expect(conversation.items == [.binary(payload)], "cut at \(cut)")
        }
    }
}
