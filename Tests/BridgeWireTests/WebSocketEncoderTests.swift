// rtbridge: tests of the WebSocket encoder.
// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import BridgeWire

@Suite struct WebSocketEncoderTests {
    private func frame(
        _ opcode: WebSocketOpcode, fin: Bool = true, _ payload: [UInt8], maskKey: UInt32? = nil
    ) -> [UInt8] {
        var buffer = ByteBuffer()
        WebSocketEncoder.writeFrame(
            opcode: opcode, fin: fin, payload: ByteBuffer(bytes: payload), maskKey: maskKey, into: &buffer)
        return buffer.array
    }

    @Test func theExamplesOfTheRFCAreWritten() {
        // RFC 6455 §5.7.
        let hello = Array("Hello".utf8)
        #expect(frame(.text, hello) == "81 05 48 65 6c 6c 6f".hex)
        #expect(frame(.text, hello, maskKey: 0x37FA_213D) == "81 85 37 fa 21 3d 7f 9f 4d 51 58".hex)
        #expect(frame(.text, fin: false, Array("Hel".utf8)) == "01 03 48 65 6c".hex)
        #expect(frame(.continuation, Array("lo".utf8)) == "80 02 6c 6f".hex)
        #expect(frame(.ping, hello) == "89 05 48 65 6c 6c 6f".hex)
        #expect(frame(.pong, hello, maskKey: 0x37FA_213D) == "8a 85 37 fa 21 3d 7f 9f 4d 51 58".hex)
        #expect(frame(.binary, [UInt8](repeating: 0, count: 256)).prefix(4) == "82 7E 0100".hex[...])
        #expect(frame(.binary, [UInt8](repeating: 0, count: 65536)).prefix(10) == "82 7F 0000000000010000".hex[...])
    }

    @Test(arguments: [0, 1, 125, 126, 127, 65535, 65536, 70000], [nil, 0x0102_0304, 0xFFFF_FFFF] as [UInt32?])
    func whatIsWrittenIsRead(length: Int, maskKey: UInt32?) {
        let payload = (0..<length).map { UInt8($0 & 0xFF) }
        let bytes = frame(.binary, payload, maskKey: maskKey)
        #expect(bytes.count == length + WebSocketEncoder.headerLength(payloadLength: length, masked: maskKey != nil))
        let role: WebSocketRole = maskKey == nil ? .client : .server
        #expect(Conversation.feed([bytes], role: role) == Conversation(items: [.binary(payload)], pieceSizes: [length]))
    }

    @Test func framesAreAppended() {
        var buffer = ByteBuffer(string: "x")
        WebSocketEncoder.writeHeader(opcode: .binary, fin: false, payloadLength: 300, into: &buffer)
        #expect(buffer.array == Array("x".utf8) + "02 7e 012c".hex)
    }

    // MARK: In place

    /// A payload with `room` free bytes before it.
    private func payload(_ bytes: [UInt8], room: Int) -> ByteBuffer {
        var buffer = ByteBuffer(repeating: 0xEE, count: room)
        buffer.writeBytes(bytes)
        buffer.moveReaderIndex(forwardBy: room)
        return buffer
    }

    @Test(arguments: [0, 1, 125, 126, 65535, 65536], [nil, 0x0102_0304] as [UInt32?])
    func aHeaderGoesIntoTheRoomBeforeThePayload(length: Int, maskKey: UInt32?) {
        let bytes = (0..<length).map { UInt8($0 & 0xFF) }
        var buffer = payload(bytes, room: WebSocketEncoder.headerLength(payloadLength: length, masked: maskKey != nil))
        let start = buffer.withVeryUnsafeBytes { $0.baseAddress }
        #expect(WebSocketEncoder.frameInPlace(&buffer, opcode: .binary, maskKey: maskKey))
        #expect(buffer.array == frame(.binary, bytes, maskKey: maskKey))
        #expect(buffer.withUnsafeReadableBytes { $0.baseAddress } == start)
    }

    @Test func withoutRoomThePayloadStaysAsItWas() {
        var buffer = payload([1, 2, 3], room: 1)
        #expect(!WebSocketEncoder.frameInPlace(&buffer, opcode: .binary))
        var masked = payload([1, 2, 3], room: 5)
        #expect(!WebSocketEncoder.frameInPlace(&masked, opcode: .binary, maskKey: 1))
        #expect(buffer.array == [1, 2, 3])
        #expect(masked.array == [1, 2, 3])
    }

    @Test func aPayloadThatOthersHoldStaysAsItWas() {
        var buffer = payload([1, 2, 3], room: 14)
        let other = buffer
        #expect(!WebSocketEncoder.frameInPlace(&buffer, opcode: .binary, maskKey: 9))
        #expect(buffer == other)
        #expect(buffer.array == [1, 2, 3])
        withExtendedLifetime(other) {}
    }

    @Test func aSliceThatWasReceivedBecomesAFrameWithoutACopy() throws {
        // A server's frame handed on to a client: the room of its own header takes the new one.
        var decoder = WebSocketDecoder(role: .client, maxMessageBytes: 1000)
        decoder.append(ByteBuffer(bytes: RawFrame(0x82, [1, 2, 3], mask: nil).bytes))
        guard case .data(var piece, _, _)? = try decoder.next() else { throw WebSocketViolation.longLength }
        #expect(WebSocketEncoder.frameInPlace(&piece, opcode: .binary))
        #expect(piece.array == [0x82, 3, 1, 2, 3])
    }

    // MARK: Close

    private func close(_ code: WebSocketCloseCode?, _ reason: String) -> Conversation {
        var buffer = ByteBuffer()
        WebSocketEncoder.writeClose(code: code, reason: reason, into: &buffer)
        return Conversation.feed([buffer.array], role: .client)
    }

    @Test func closeFramesAreWritten() {
        var buffer = ByteBuffer()
        WebSocketEncoder.writeClose(code: .tryAgainLater, reason: "no", into: &buffer)
        WebSocketEncoder.writeClose(code: nil, into: &buffer)
        WebSocketEncoder.writeClose(code: .normalClosure, maskKey: 0, into: &buffer)
        #expect(buffer.array == "88 04 03f5 6e6f  88 00  88 82 00000000 03e8".hex)
    }

    @Test(arguments: [1005, 1006, 1015, 0, 999, 5000] as [UInt16])
    func aCodeThatIsNotForTheWireMakesAnEmptyFrame(code: UInt16) {
        #expect(close(WebSocketCloseCode(rawValue: code), "why").items == [.close(nil, "")])
    }

    @Test func aReasonIsCutBetweenTwoCharacters() {
        // 123 bytes at most; € has three, 😀 four.
        let ascii = String(repeating: "a", count: 123)
        #expect(close(.internalError, ascii).items == [.close(1011, ascii)])
        #expect(close(.internalError, ascii + "b").items == [.close(1011, ascii)])
        #expect(
            close(.internalError, String(repeating: "€", count: 60)).items == [
                .close(1011, String(repeating: "€", count: 41))
            ])
        for shift in 0...3 {
            let start = String(repeating: "a", count: shift)
            let kept = start + String(repeating: "😀", count: (123 - shift) / 4)
            #expect(close(.internalError, start + String(repeating: "😀", count: 60)).items == [.close(1011, kept)])
        }
    }
}
