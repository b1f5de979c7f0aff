// rtbridge: the Autobahn suite's groups 1 to 5 and 7, as far as they are about the codec.
// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import BridgeWire

/// The numbers are those of the Autobahn WebSocket Testsuite.
@Suite struct AutobahnTests {
    private static let lengths = [0, 125, 126, 127, 128, 65535, 65536]
    private let text = Array("payload".utf8)

    // MARK: 1, framing

    @Test(arguments: lengths)
    func case1MessagesOfAnyLength(length: Int) {
        let stars = [UInt8](repeating: 0x2A, count: length)
        let binary = [UInt8](repeating: 0xFE, count: length)
        #expect(Conversation.feed(RawFrame(0x81, stars)).items == [.text(stars)])
        #expect(Conversation.feed(RawFrame(0x82, binary)).items == [.binary(binary)])
    }

    @Test func case1And8MessagesInChopsOf997Bytes() {
        for first in [UInt8(0x81), 0x82] {
            let payload = [UInt8](repeating: 0x2A, count: 65536)
            let bytes = RawFrame(first, payload).bytes
            let chops = stride(from: 0, to: bytes.count, by: 997).map { Array(bytes[$0..<min($0 + 997, bytes.count)]) }
            #expect(Conversation.feed(chops).items == [first == 0x81 ? .text(payload) : .binary(payload)])
        }
    }

    // MARK: 2, pings and pongs

    @Test(arguments: Cut.all)
    func case2PingsAndPongs(cut: Cut) {
        let binary: [UInt8] = [0x00, 0xFF, 0xFE, 0xFD, 0xFC, 0xFB, 0x00, 0xFF]
        let longest = [UInt8](repeating: 0xFE, count: 125)
        #expect(Conversation.feed(RawFrame(0x89), cut: cut).items == [.ping([])], "2.1, \(cut)")
        #expect(
            Conversation.feed(RawFrame(0x89, "Hello, world!"), cut: cut).items == [.ping(Array("Hello, world!".utf8))])
        #expect(Conversation.feed(RawFrame(0x89, binary), cut: cut).items == [.ping(binary)], "2.3, \(cut)")
        #expect(Conversation.feed(RawFrame(0x89, longest), cut: cut).items == [.ping(longest)], "2.4 and 2.6, \(cut)")
        let tooLong = Conversation.feed(RawFrame(0x89, longest + [0xFE]), cut: cut)
        #expect(tooLong.closeCode == 1002, "2.5, \(cut)")
        #expect(Conversation.feed(RawFrame(0x8A), cut: cut).items == [.pong([])], "2.7, \(cut)")
        #expect(
            Conversation.feed(RawFrame(0x8A, "x"), RawFrame(0x89, "y"), cut: cut).items == [
                .pong([0x78]), .ping([0x79]),
            ])
    }

    @Test(arguments: Cut.all)
    func case2And10TenPings(cut: Cut) {
        let pings = (0..<10).map { RawFrame(0x89, "payload-\($0)") }
        let expected = (0..<10).map { Conversation.Item.ping(Array("payload-\($0)".utf8)) }
        #expect(Conversation.feed(cut.pieces(of: pings.flatMap(\.bytes))).items == expected, "\(cut)")
    }

    // MARK: 3 and 4, reserved bits and opcodes

    @Test(arguments: Cut.all)
    func case3ReservedBitsAfterAMessage(cut: Cut) {
        let cases: [(UInt8, [UInt8])] = [
            (0x91, text), (0xA1, text), (0xB1, text), (0xC1, text), (0xD2, text), (0xE9, text), (0xF8, [0x03, 0xE8]),
        ]
        for (first, payload) in cases {
            let conversation = Conversation.feed(
                RawFrame(0x81, text), RawFrame(first, payload), RawFrame(0x89), cut: cut)
            #expect(conversation.items == [.text(text)], "\(first), \(cut)")
            #expect(conversation.violation == .reservedBits, "\(first), \(cut)")
        }
    }

    @Test(arguments: Cut.all)
    func case4ReservedOpcodesAfterAMessage(cut: Cut) {
        for opcode in [UInt8(3), 4, 5, 6, 7, 11, 12, 13, 14, 15] {
            for payload in [[], text] {
                let conversation = Conversation.feed(
                    RawFrame(0x81, text), RawFrame(0x80 | opcode, payload), RawFrame(0x89), cut: cut)
                #expect(conversation.items == [.text(text)], "\(opcode), \(cut)")
                #expect(conversation.closeCode == 1002, "\(opcode), \(cut)")
            }
        }
    }

    // MARK: 5, fragmentation

    @Test(arguments: Cut.all)
    func case5FragmentedControlFrames(cut: Cut) {
        #expect(Conversation.feed(RawFrame(0x09, "a"), RawFrame(0x80, "b"), cut: cut).closeCode == 1002, "5.1, \(cut)")
        #expect(Conversation.feed(RawFrame(0x0A, "a"), RawFrame(0x80, "b"), cut: cut).closeCode == 1002, "5.2, \(cut)")
    }

    @Test(arguments: Cut.all)
    func case5PingsAmongFragments(cut: Cut) {
        let fragments = Conversation.feed(RawFrame(0x01, "fragment1"), RawFrame(0x80, "fragment2"), cut: cut)
        #expect(fragments.items == [.text(Array("fragment1fragment2".utf8))], "5.3 to 5.5, \(cut)")
        let ping = Conversation.feed(
            RawFrame(0x01, "fragment1"), RawFrame(0x89, "ping"), RawFrame(0x80, "fragment2"), cut: cut)
        #expect(
            ping.items == [.ping(Array("ping".utf8)), .text(Array("fragment1fragment2".utf8))], "5.6 to 5.8, \(cut)")
        let many = Conversation.feed(
            RawFrame(0x01, "1"), RawFrame(0x00, "2"), RawFrame(0x89, "p1"), RawFrame(0x00, "3"), RawFrame(0x00, "4"),
            RawFrame(0x89, "p2"), RawFrame(0x80, "5"), cut: cut)
        #expect(
            many.items == [.ping(Array("p1".utf8)), .ping(Array("p2".utf8)), .text(Array("12345".utf8))], "5.19, \(cut)"
        )
    }

    @Test(arguments: Cut.all)
    func case5ContinuationsOfNothing(cut: Cut) {
        for first in [UInt8(0x80), 0x00] {
            let alone = Conversation.feed(RawFrame(first, "non-continuation"), RawFrame(0x81, text), cut: cut)
            #expect(alone == Conversation(violation: .continuationWithoutStart), "5.9 to 5.14, \(cut)")
            let after = Conversation.feed(
                RawFrame(0x01, "a"), RawFrame(0x80, "b"), RawFrame(first, "c"), RawFrame(0x81, text), cut: cut)
            #expect(after.items == [.text(Array("ab".utf8))], "5.15 to 5.17, \(cut)")
            #expect(after.violation == .continuationWithoutStart, "5.15 to 5.17, \(cut)")
        }
        let second = Conversation.feed(RawFrame(0x01, "a"), RawFrame(0x81, "b"), cut: cut)
        #expect(second.violation == .messageInsideMessage, "5.18, \(cut)")
    }

    // MARK: 7, close

    @Test(arguments: Cut.all)
    func case7NothingAfterAClose(cut: Cut) {
        let close = RawFrame(0x88, [0x03, 0xE8])
        let closed: [Conversation.Item] = [.close(1000, "")]
        #expect(
            Conversation.feed(RawFrame(0x81, text), close, cut: cut).items == [.text(text)] + closed, "7.1.1, \(cut)")
        #expect(Conversation.feed(close, close, cut: cut).items == closed, "7.1.2, \(cut)")
        #expect(Conversation.feed(close, RawFrame(0x89), cut: cut).items == closed, "7.1.3, \(cut)")
        #expect(Conversation.feed(close, RawFrame(0x81, text), cut: cut).items == closed, "7.1.4, \(cut)")
        #expect(Conversation.feed(RawFrame(0x01, "1"), close, RawFrame(0x80, "2"), cut: cut).items == closed, "7.1.5")
    }

    @Test func case7And1And6ACloseBehindAQuarterOfAMebibyte() {
        let payload = [UInt8](repeating: 0x2A, count: 256 * 1024)
        let conversation = Conversation.feed(RawFrame(0x81, payload), RawFrame(0x88, [0x03, 0xE8]), RawFrame(0x89))
        #expect(conversation.items == [.text(payload), .close(1000, "")])
    }

    @Test func case7And3ClosePayloads() {
        let code: [UInt8] = [0x03, 0xE8]
        #expect(Conversation.feed(RawFrame(0x88)).items == [.close(nil, "")], "7.3.1")
        #expect(Conversation.feed(RawFrame(0x88, [0x61])).closeCode == 1002, "7.3.2")
        #expect(Conversation.feed(RawFrame(0x88, code)).items == [.close(1000, "")], "7.3.3")
        #expect(
            Conversation.feed(RawFrame(0x88, code + Array("Hello World!".utf8))).items == [.close(1000, "Hello World!")]
        )
        let longest = String(repeating: "*", count: 123)
        #expect(Conversation.feed(RawFrame(0x88, code + Array(longest.utf8))).items == [.close(1000, longest)], "7.3.5")
        #expect(Conversation.feed(RawFrame(0x88, code + Array((longest + "*").utf8))).closeCode == 1002, "7.3.6")
        let bad = "cebae1bdb9cf83cebcceb5eda080656469746564".hex
        #expect(Conversation.feed(RawFrame(0x88, code + bad)).closeCode == 1007, "7.5.1")
    }

    @Test(arguments: [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999])
    func case7And7ValidCloseCodes(code: UInt16) {
        let frame = RawFrame(0x88, [UInt8(code >> 8), UInt8(code & 0xFF)])
        #expect(Conversation.feed(frame).items == [.close(code, "")])
    }

    @Test(arguments: [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
    func case7And9And13InvalidCloseCodes(code: UInt16) {
        let frame = RawFrame(0x88, [UInt8(code >> 8), UInt8(code & 0xFF)])
        let conversation = Conversation.feed(frame)
        #expect(conversation.violation == .badCloseCode(WebSocketCloseCode(rawValue: code)))
        #expect(conversation.closeCode == 1002)
    }
}
