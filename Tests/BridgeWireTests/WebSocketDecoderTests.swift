// rtbridge: tests of the WebSocket decoder's rules.
// SPDX-License-Identifier: Apache-2.0
import NIOCore
import Testing

@testable import BridgeWire

@Suite struct WebSocketDecoderTests {
    // MARK: RFC 6455 §5.7, the examples

    @Test(arguments: Cut.all)
    func aMaskedTextOfTheRFCIsRead(cut: Cut) {
        let bytes = "81 85 37 fa 21 3d 7f 9f 4d 51 58".hex
        #expect(Conversation.feed(cut.pieces(of: bytes)).items == [.text(Array("Hello".utf8))], "\(cut)")
    }

    @Test(arguments: Cut.all)
    func anUnmaskedTextOfTheRFCIsReadByAClient(cut: Cut) {
        let bytes = "81 05 48 65 6c 6c 6f".hex
        #expect(Conversation.feed(cut.pieces(of: bytes), role: .client).items == [.text(Array("Hello".utf8))], "\(cut)")
    }

    @Test(arguments: Cut.all)
    func aFragmentedTextOfTheRFCIsReadByAClient(cut: Cut) {
        let bytes = "01 03 48 65 6c  80 02 6c 6f".hex
        #expect(Conversation.feed(cut.pieces(of: bytes), role: .client).items == [.text(Array("Hello".utf8))], "\(cut)")
    }

    @Test(arguments: Cut.all)
    func aPingAndAMaskedPongOfTheRFCAreRead(cut: Cut) {
        let ping = Conversation.feed(cut.pieces(of: "89 05 48 65 6c 6c 6f".hex), role: .client)
        #expect(ping.items == [.ping(Array("Hello".utf8))], "\(cut)")
        let pong = Conversation.feed(cut.pieces(of: "8a 85 37 fa 21 3d 7f 9f 4d 51 58".hex))
        #expect(pong.items == [.pong(Array("Hello".utf8))], "\(cut)")
    }

    @Test func lengthsOfTheRFCAreReadFromSixteenAndSixtyFourBits() {
        let short = "82 7E 0100".hex + [UInt8](repeating: 7, count: 256)
        #expect(Conversation.feed([short], role: .client).items == [.binary([UInt8](repeating: 7, count: 256))])
        let long = "82 7F 0000000000010000".hex + [UInt8](repeating: 7, count: 65536)
        #expect(Conversation.feed([long], role: .client).items == [.binary([UInt8](repeating: 7, count: 65536))])
    }

    // MARK: Violations

    @Test(arguments: [UInt8(0x40), 0x20, 0x10, 0x70])
    func reservedBitsAreRefused(bits: UInt8) {
        // RFC 6455 §5.2: RSV1, RSV2, RSV3 "MUST be 0 unless an extension is negotiated".
        #expect(Conversation.feed(RawFrame(0x82 | bits)).violation == .reservedBits)
        #expect(Conversation.feed(RawFrame(0x89 | bits)).violation == .reservedBits)
    }

    @Test(arguments: [UInt8(3), 4, 5, 6, 7, 11, 12, 13, 14, 15])
    func reservedOpcodesAreRefused(opcode: UInt8) {
        #expect(Conversation.feed(RawFrame(0x80 | opcode)).violation == .unknownOpcode(opcode))
        #expect(WebSocketViolation.unknownOpcode(opcode).closeCode == .protocolError)
    }

    @Test(arguments: [UInt8(0x81), 0x82, 0x88, 0x89, 0x8A])
    func theWrongMaskingIsRefusedOnBothSides(first: UInt8) {
        // RFC 6455 §5.1.
        #expect(Conversation.feed(RawFrame(first, mask: nil)).violation == .unmaskedFrame)
        #expect(Conversation.feed(RawFrame(first), role: .client).violation == .maskedFrame)
    }

    @Test(arguments: [UInt8(0x08), 0x09, 0x0A])
    func fragmentedControlFramesAreRefused(first: UInt8) {
        #expect(Conversation.feed(RawFrame(first)).violation == .fragmentedControl)
    }

    @Test(arguments: [UInt8(0x88), 0x89, 0x8A])
    func controlFramesAboveOneHundredAndTwentyFiveBytesAreRefused(first: UInt8) {
        let payload = [UInt8](repeating: 0x61, count: 126)
        #expect(Conversation.feed(RawFrame(first, payload)).violation == .longControl)
        #expect(Conversation.feed(RawFrame(first, payload, lengthBytes: 8)).violation == .longControl)
        let allowed = first == 0x88 ? [0x03, 0xE8] + payload.dropFirst(3) : Array(payload.dropFirst())
        #expect(Conversation.feed(RawFrame(first, allowed)).violation == nil)
    }

    @Test func aContinuationNeedsAMessageToContinue() {
        #expect(Conversation.feed(RawFrame(0x80, "x")).violation == .continuationWithoutStart)
        #expect(Conversation.feed(RawFrame(0x00, "x")).violation == .continuationWithoutStart)
        let after = Conversation.feed(RawFrame(0x01, "a"), RawFrame(0x80, "b"), RawFrame(0x80, "c"))
        #expect(after.items == [.text(Array("ab".utf8))])
        #expect(after.violation == .continuationWithoutStart)
    }

    @Test(arguments: [UInt8(0x81), 0x82, 0x01, 0x02])
    func aMessageInsideAMessageIsRefused(first: UInt8) {
        let conversation = Conversation.feed(RawFrame(0x02, "a"), RawFrame(first, "b"))
        #expect(conversation.violation == .messageInsideMessage)
        #expect(conversation.unfinished == Array("a".utf8))
    }

    @Test func aLengthWithItsTopBitSetIsRefused() {
        // RFC 6455 §5.2: "the most significant bit MUST be 0".
        for length in ["8000000000000000", "ffffffffffffffff"] {
            #expect(Conversation.feed(["82 ff \(length) 01020304".hex]).violation == .negativeLength)
            #expect(Conversation.feed(["82 7f \(length)".hex], role: .client).violation == .negativeLength)
        }
    }

    @Test func lengthsThatAreNotMinimalAreRefused() {
        #expect(
            Conversation.feed(RawFrame(0x82, [UInt8](repeating: 1, count: 125), lengthBytes: 2)).violation
                == .longLength)
        #expect(Conversation.feed(RawFrame(0x82, [], lengthBytes: 8)).violation == .longLength)
        #expect(
            Conversation.feed(RawFrame(0x82, [UInt8](repeating: 1, count: 65535), lengthBytes: 8)).violation
                == .longLength)
        #expect(Conversation.feed(RawFrame(0x82, [UInt8](repeating: 1, count: 126), lengthBytes: 2)).violation == nil)
        #expect(Conversation.feed(RawFrame(0x82, [UInt8](repeating: 1, count: 65536), lengthBytes: 8)).violation == nil)
    }

    @Test func aFaultInTheFirstTwoBytesShowsBeforeTheRestOfTheHeader() {
        // 64-bit length and masking key are still to come.
        #expect(Conversation.feed([[0x89, 0xFF]]).violation == .longControl)
        #expect(Conversation.feed([[0x83], [0xFF]]).violation == .unknownOpcode(3))
        #expect(Conversation.feed([[0x82, 0x7F]]).violation == .unmaskedFrame)
    }

    @Test func aViolationIsThrownAgainAndNothingElseComes() throws {
        var decoder = WebSocketDecoder(role: .server, maxMessageBytes: 100)
        decoder.append(ByteBuffer(bytes: RawFrame(0x83).bytes))
        #expect(throws: WebSocketViolation.unknownOpcode(3)) { try decoder.next() }
        decoder.append(ByteBuffer(bytes: RawFrame(0x82, "fine").bytes))
        #expect(throws: WebSocketViolation.unknownOpcode(3)) { try decoder.next() }
    }

    // MARK: The limit

    @Test func aMessageAboveTheLimitIsRefusedAtTheHeader() {
        let violation = WebSocketViolation(
            closeCode: .messageTooBig, reason: "a message is larger than maxMessageBytes (1000)")
        // 1001 bytes are announced, none of them came.
        #expect(Conversation.feed(["82 fe 03e9 01020304".hex], maxMessageBytes: 1000).violation == violation)
        #expect(Conversation.feed(["82 fe 03e8 01020304".hex], maxMessageBytes: 1000).violation == nil)
        #expect(
            Conversation.feed(["82 ff 7fffffffffffffff 01020304".hex], maxMessageBytes: 1000).violation == violation)
    }

    @Test func fragmentsCountTogetherAgainstTheLimitAndMessagesDoNot() {
        let half = [UInt8](repeating: 1, count: 6)
        let together = [RawFrame(0x02, half), RawFrame(0x00, Array(half.prefix(4))), RawFrame(0x80, [1])]
        let refused = Conversation.feed([together.flatMap(\.bytes)], maxMessageBytes: 10)
        #expect(refused.violation == .messageTooBig(limit: 10))
        #expect(refused.unfinished?.count == 10)
        let apart = [RawFrame(0x82, half), RawFrame(0x82, half), RawFrame(0x89, half + half), RawFrame(0x82, half)]
        #expect(Conversation.feed([apart.flatMap(\.bytes)], maxMessageBytes: 10).violation == nil)
    }

    @Test func fragmentsOfTheLargestLengthDoNotOverflowTheirSum() {
        let frames =
            "02 fe 0080 00000000".hex + [UInt8](repeating: 0, count: 128) + "80 ff 7fffffffffffffff 00000000".hex
        #expect(Conversation.feed([frames], maxMessageBytes: .max).violation == .messageTooBig(limit: .max))
    }

    // MARK: Close

    @Test func aCloseFrameOfOneByteIsRefused() {
        #expect(Conversation.feed(RawFrame(0x88, [0x03])).violation == .shortClose)
    }

    @Test func aCloseWithoutACodeIsTold() {
        #expect(Conversation.feed(RawFrame(0x88)).items == [.close(nil, "")])
    }

    @Test(arguments: Cut.all)
    func codeAndReasonOfACloseAreTold(cut: Cut) {
        let conversation = Conversation.feed(RawFrame(0x88, [0x03, 0xE9] + Array("bis später".utf8)), cut: cut)
        #expect(conversation.items == [.close(1001, "bis später")], "\(cut)")
    }

    @Test func aCloseReasonThatIsNotUTF8IsRefused() {
        let conversation = Conversation.feed(RawFrame(0x88, [0x03, 0xE8, 0xC3]))
        #expect(conversation.violation == .closeReasonNotUTF8)
        #expect(conversation.closeCode == 1007)
    }

    @Test(arguments: Cut.all)
    func nothingIsDeliveredAfterAClose(cut: Cut) {
        // RFC 6455 §1.4: "Upon receiving such a frame, the other peer … discards any further data received".
        let conversation = Conversation.feed(
            RawFrame(0x88, [0x03, 0xE8]), RawFrame(0x82, "x"), RawFrame(0x83), cut: cut)
        #expect(conversation == Conversation(items: [.close(1000, "")]), "\(cut)")
    }

    @Test func aCloseMayStandInsideAFragmentedMessage() {
        let conversation = Conversation.feed(RawFrame(0x01, "a"), RawFrame(0x88, [0x03, 0xE8]))
        #expect(conversation.items == [.close(1000, "")])
    }
}
